package sqlstore_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gopassport/passport/sessions"
	"github.com/gopassport/passport/sessions/sqlstore"
)

// killedDSN, when set, makes the test binary the server that is to be killed.
const killedDSN = "SQLSTORE_TEST_KILLED_DSN"

func TestMain(m *testing.M) {
	if file := os.Getenv(killedDSN); file != "" {
		fmt.Println("error", saveForEver(file))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// saveForEver writes sessions and says so after each acknowledgement, and
// before each Replace:
//
//	saved ID VERSION
//	replacing OLD NEW
//	deleted ID
func saveForEver(file string) error {
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return err
	}
	s, err := sqlstore.New(db, sqlstore.SQLite, nil)
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := s.Migrate(ctx); err != nil {
		return err
	}
	for {
		r, next := record("alice"), record("alice")
		_, _ = rand.Read(r.ID[:])
		_, _ = rand.Read(next.ID[:])
		if err := s.Create(ctx, r); err != nil {
			return err
		}
		fmt.Printf("saved %x 1\n", r.ID)
		if err := s.Update(ctx, r, 1); err != nil {
			return err
		}
		fmt.Printf("saved %x 2\n", r.ID)
		fmt.Printf("replacing %x %x\n", r.ID, next.ID)
		if err := s.Replace(ctx, r.ID, 2, next); err != nil {
			return err
		}
		fmt.Printf("deleted %x\nsaved %x 1\n", r.ID, next.ID)
	}
}

// B33: what was acknowledged before a kill -9 is there afterwards. B06: of a
// Replace, both halves are, or neither.
func TestKill(t *testing.T) {
	file := sqliteDSN(t)
	saved, replacing := make(map[string]int64), make(map[string]string)
	for round := range 8 {
		killServer(t, file, time.Duration(round)*10*time.Millisecond, func(line string) {
			switch f := strings.Fields(line); {
			case len(f) == 3 && f[0] == "saved":
				saved[f[1]] = int64(f[2][0] - '0')
			case len(f) == 3 && f[0] == "replacing":
				replacing[f[1]] = f[2]
			case len(f) == 2 && f[0] == "deleted":
				saved[f[1]] = 0
			default:
				t.Errorf("the server said %q", line)
			}
		})
	}
	s := sqlite.store(t, sqlite.open(t, file), nil)
	version := func(id string) int64 {
		b, err := hex.DecodeString(id)
		if err != nil || len(b) != 32 {
			return 0 // a line that was cut
		}
		r, err := s.Find(t.Context(), sessions.ID(b))
		if err != nil && !errors.Is(err, sessions.ErrNotFound) {
			t.Fatal(err)
		}
		return r.Version
	}
	for id, acknowledged := range saved {
		got := version(id)
		switch next, ok := replacing[id]; {
		case acknowledged == 0 && got != 0:
			t.Errorf("the old record of an acknowledged Replace is back with version %d", got)
		case ok && (got == 0) != (version(next) == 1):
			t.Errorf("Replace: the old record has version %d, the new one %d; want one of them", got, version(next))
		case !ok && got < acknowledged:
			t.Errorf("an acknowledged version %d is lost, the record has version %d", acknowledged, got)
		}
	}
	if len(replacing) < 20 {
		t.Errorf("only %d rounds of saving: the test shows little", len(replacing))
	}
	t.Logf("%d records acknowledged, %d replaced, 8 kills", len(saved), len(replacing))
}

// killServer runs a server over the file, kills it some time after its first
// word, and passes on what it said.
func killServer(t *testing.T, file string, after time.Duration, said func(string)) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killedDSN+"="+file)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for n := 0; ; n++ {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // what was said without its end was not heard
		}
		if n == 0 {
			time.AfterFunc(after+20*time.Millisecond, func() { _ = cmd.Process.Kill() })
		}
		said(strings.TrimSuffix(line, "\n"))
	}
	_ = cmd.Wait()
}
