//go:build !unix

package dbtest

import (
	"context"
	"errors"
	"net/url"
)

type process struct{}

var errNoServers = errors.New("run the tests on Linux or macOS")

type programs struct{}

func find(context.Context, engine) (programs, error) { return programs{}, errNoServers }

func start(context.Context, engine, programs, []string) (*process, error) { return nil, errNoServers }

func (*process) url() *url.URL             { return nil }
func (*process) run(context.Context) error { return errNoServers }
func (*process) suspend() error            { return errNoServers }
func (*process) resume() error             { return errNoServers }
func (*process) kill()                     {}
func (*process) discard()                  {}
