//go:build unix

package dbtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gopassport/passport/internal/install"
)

// A process is a server, running or killed, with its directory and port.
type process struct {
	engine engine
	programs
	args    []string
	dir     string
	address string
	user    *syscall.Credential // nil: the one that runs the tests

	cmd    *exec.Cmd // nil: killed
	ended  chan struct{}
	reaper *exec.Cmd
	life   io.Closer // the reaper's standard input
	output bytes.Buffer
}

// startTimeout is how long a server may take until it answers.
const startTimeout = time.Minute

// programs are what a server needs.
type programs struct{ program, ps string }

func find(ctx context.Context, e engine) (found programs, err error) {
	if found.program, err = install.Program(ctx, e.pkg, e.names...); err != nil {
		return found, err
	}
	for _, tool := range e.tools {
		if _, err := install.Program(ctx, e.pkg, tool); err != nil {
			return found, err
		}
	}
	found.ps, err = install.Program(ctx, "procps", "ps")
	return found, err
}

// start makes a new directory and runs a server over it.
func start(ctx context.Context, e engine, found programs, args []string) (_ *process, err error) {
	p := &process{engine: e, programs: found}
	if p.dir, err = os.MkdirTemp("", "passport-test-"); err != nil {
		return nil, err
	}
	if err := p.prepare(ctx, args); err != nil {
		p.discard()
		return nil, err
	}
	return p, nil
}

func (p *process) prepare(ctx context.Context, args []string) (err error) {
	if p.user, err = unprivileged(); err != nil {
		return err
	}
	if p.user != nil {
		if err := os.Chown(p.dir, int(p.user.Uid), int(p.user.Gid)); err != nil {
			return err
		}
	}
	if p.engine.create != nil {
		command := p.engine.create(p.program, p.dir)
		cmd := p.command(command[0], command[1:])
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", command[0], err, out)
		}
	}
	if p.address, err = freeAddress(ctx); err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(p.address)
	if err != nil {
		return err
	}
	p.args = append(p.engine.args(p.dir, port), args...)
	return p.run(ctx)
}

// unprivileged is nobody, when root runs the tests: some servers refuse root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// command has a process group of its own, so that a signal from the terminal
// does not reach it before the tests have ended.
func (p *process) command(program string, args []string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), program, args...) // outlives who starts it
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "TMPDIR="+p.dir) // MariaDB clears it of others' files
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: p.user}
	return cmd
}

// run starts the server and waits until it answers.
func (p *process) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	p.output.Reset()
	p.cmd = p.command(p.program, p.args)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		return err
	}
	cmd, ended := p.cmd, make(chan struct{})
	p.ended = ended
	go func() {
		_ = cmd.Wait() // its state says how it ended
		close(ended)
	}()
	if err := p.watch(); err != nil {
		_ = cmd.Process.Kill()
		<-ended
		p.cmd = nil
		return err
	}
	for {
		err := p.ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			p.kill()
			return fmt.Errorf("%s ended: %v\n%s", p.program, cmd.ProcessState, &p.output)
		case <-ctx.Done():
			p.kill() // waits, so that the output is whole
			return fmt.Errorf("%s: %w: %w\n%s", p.program, ctx.Err(), err, &p.output)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// watch starts a shell that ends the server and removes its directory when
// this process ends, however it ends: then the shell's standard input does.
func (p *process) watch() (err error) {
	p.reaper = p.command("/bin/sh", []string{"-c", reap, p.dir, strconv.Itoa(p.cmd.Process.Pid), p.engine.quit, p.ps})
	if p.life, err = p.reaper.StdinPipe(); err != nil {
		return err
	}
	return p.reaper.Start()
}

// A stopped server has to go on to end. One that does not end in 5 seconds is
// killed. The directory can be removed when nobody is in it.
const reap = `cat
kill -CONT $1; kill -$2 $1
tries=0; while "$3" -o stat= -p $1 | grep -qv Z && [ $tries -lt 50 ]; do tries=$((tries+1)); sleep 0.1; done
kill -KILL $1
cd /; rm -rf "$0"`

// ask tells whether the server is ready.
func (p *process) ask(ctx context.Context) error {
	c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", p.address)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	return p.engine.answer(c)
}

func (p *process) url() *url.URL {
	u, err := url.Parse(fmt.Sprintf(p.engine.url, p.address))
	if err != nil {
		panic(err) // the engine's template
	}
	return u
}

// kill ends the server with SIGKILL, and waits until its children have seen it.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	children := p.children()
	_ = p.cmd.Process.Kill()
	<-p.ended
	for _, pid := range children {
		// Until there is no such process; one that nobody waits for stays.
		for end := time.Now().Add(5 * time.Second); syscall.Kill(pid, syscall.SIGCONT) == nil && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
	}
	_ = p.reaper.Process.Kill()
	_ = p.reaper.Wait()
	p.cmd = nil
}

// discard ends the server for good: its reaper knows how.
func (p *process) discard() {
	if p.cmd != nil {
		_ = p.life.Close()
		<-p.ended
		_ = p.reaper.Wait()
	}
	_ = os.RemoveAll(p.dir)
}

func (p *process) suspend() error { return p.signal(syscall.SIGSTOP) }
func (p *process) resume() error  { return p.signal(syscall.SIGCONT) }

// signal goes to the server and its children, each of which answers clients
// in PostgreSQL.
func (p *process) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return err
	}
	for _, pid := range p.children() {
		_ = syscall.Kill(pid, s) // it may have ended meanwhile
	}
	return nil
}

// children are the processes that the server has started.
func (p *process) children() []int {
	out, err := exec.CommandContext(context.Background(), p.ps, "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		return nil
	}
	var pids []int
	for line := range strings.Lines(string(out)) {
		var pid, parent int
		if _, err := fmt.Sscan(line, &pid, &parent); err == nil && parent == p.cmd.Process.Pid {
			pids = append(pids, pid)
		}
	}
	return pids
}
