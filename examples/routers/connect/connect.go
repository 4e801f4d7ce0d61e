// Package connect is a service on connect, beside the site's pages: an
// interceptor authenticates by header, for every procedure.
package connect

import (
	"context"
	"errors"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/examples/routers/site"
)

// WhoAmI is the procedure: Empty to StringValue, so that no code is generated.
const WhoAmI = "/site.v1.Site/WhoAmI"

// New returns the service.
func New(a *passport.Authenticator[*site.User]) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(WhoAmI, connect.NewUnaryHandler(WhoAmI, func(ctx context.Context, _ *connect.Request[emptypb.Empty]) (*connect.Response[wrapperspb.StringValue], error) {
		user, _ := a.User(ctx)
		return connect.NewResponse(wrapperspb.String(user.Name)), nil
	}, connect.WithInterceptors(authenticate(a, "key"))))
	return mux
}

// authenticate lets a call through that one of the strategies knows. They see
// its header, and nothing else of a request.
func authenticate(a *passport.Authenticator[*site.User], names ...string) connect.UnaryInterceptorFunc {
	return func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, call connect.AnyRequest) (connect.AnyResponse, error) {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, call.Spec().Procedure, nil)
			if err != nil {
				return nil, connect.NewError(connect.CodeInternal, err)
			}
			r.Header = call.Header()
			res, err := a.Authenticate(r, names...)
			if err != nil {
				return nil, connect.NewError(connect.CodeUnavailable, errors.New("try again later"))
			}
			if res.Outcome() != passport.Succeeded {
				return nil, connect.NewError(connect.CodeUnauthenticated, errors.New("no valid credentials"))
			}
			return next(a.WithUser(ctx, res.User()), call)
		}
	}
}
