package dbtest

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strconv"
)

// An engine is what the servers differ in.
type engine struct {
	name  string
	env   string
	pkg   string   // Debian's
	names []string // of the program
	tools []string // that it needs besides
	url   string   // with %s for the address

	create func(program, dir string) []string // the command that makes the data directory; nil: none
	args   func(dir, port string) []string
	answer func(net.Conn) error // nil: the server is ready
	quit   string               // the signal that ends it at once and cleans up
}

var errStarting = errors.New("the server does not answer yet")

// engine describes e.
func (e Engine) engine() engine {
	switch e {
	case MariaDB:
		return engine{
			name:  "MariaDB",
			env:   "PASSPORT_TEST_MYSQL",
			pkg:   "mariadb-server",
			names: []string{"/usr/sbin/mariadbd", "mariadbd"},
			tools: []string{"mariadb-install-db", "my_print_defaults"},
			url:   "mysql://root@%s/test",
			create: func(_, dir string) []string {
				return []string{"mariadb-install-db", "--no-defaults", "--datadir=" + filepath.Join(dir, "data"),
					"--auth-root-authentication-method=normal"}
			},
			args: func(dir, port string) []string {
				return []string{"--no-defaults", "--datadir=" + filepath.Join(dir, "data"), "--socket=" + filepath.Join(dir, "socket"),
					"--pid-file=" + filepath.Join(dir, "pid"), "--bind-address=127.0.0.1", "--port=" + port, "--skip-name-resolve",
					"--innodb-flush-log-at-trx-commit=2"}
			},
			answer: func(c net.Conn) error { return expect(c, "", 4, 10) }, // protocol 10, which follows a header of 4 bytes
			quit:   "KILL",
		}
	case PostgreSQL:
		return engine{
			name:  "PostgreSQL",
			env:   "PASSPORT_TEST_POSTGRES",
			pkg:   "postgresql",
			names: []string{"/usr/lib/postgresql/*/bin/postgres", "postgres"},
			url:   "postgres://postgres@%s/postgres?sslmode=disable",
			create: func(program, dir string) []string {
				return []string{filepath.Join(filepath.Dir(program), "initdb"), "--pgdata=" + filepath.Join(dir, "data"),
					"--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"}
			},
			args: func(dir, port string) []string {
				return []string{"-D", filepath.Join(dir, "data"), "-k", dir, "-h", "127.0.0.1", "-p", port, "-c", "fsync=off"}
			},
			answer: func(c net.Conn) error {
				hello := binary.BigEndian.AppendUint32(nil, 3<<16) // protocol 3.0
				hello = append(hello, "user\x00postgres\x00\x00"...)
				return expect(c, string(binary.BigEndian.AppendUint32(nil, uint32(4+len(hello))))+string(hello), 0, 'R')
			},
			quit: "QUIT", // KILL would leave shared memory behind
		}
	case Redis:
		return engine{
			name:  "Redis",
			env:   "PASSPORT_TEST_REDIS",
			pkg:   "redis-server",
			names: []string{"redis-server"},
			url:   "redis://%s/0",
			args: func(dir, port string) []string {
				return []string{"--bind", "127.0.0.1", "--port", port, "--dir", dir, "--appendonly", "yes", "--save", ""}
			},
			answer: func(c net.Conn) error { return expect(c, "PING\r\n", 0, '+') },
			quit:   "KILL",
		}
	}
	panic("dbtest: no engine " + strconv.Itoa(int(e)))
}

// expect says hello, and wants the byte after skip others.
func expect(c net.Conn, hello string, skip int, want byte) error {
	if _, err := io.WriteString(c, hello); err != nil {
		return err
	}
	answer := make([]byte, skip+1)
	if _, err := io.ReadFull(c, answer); err != nil {
		return err
	}
	if answer[skip] != want {
		return errStarting
	}
	return nil
}
