// Package grpc is a service on grpc: an interceptor authenticates by metadata,
// for every method.
package grpc

import (
	"context"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gopassport/passport"
	"github.com/gopassport/passport/examples/routers/site"
)

// WhoAmI is the method: Empty to StringValue, so that no code is generated.
const WhoAmI = "/site.v1.Site/WhoAmI"

// New returns the server.
func New(a *passport.Authenticator[*site.User]) *grpc.Server {
	s := grpc.NewServer(grpc.UnaryInterceptor(authenticate(a, "key")))
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "site.v1.Site",
		Methods:     []grpc.MethodDesc{{MethodName: "WhoAmI", Handler: whoAmI(a)}},
	}, nil)
	return s
}

func whoAmI(a *passport.Authenticator[*site.User]) grpc.MethodHandler {
	answer := func(ctx context.Context, _ any) (any, error) {
		user, ok := a.User(ctx)
		if !ok {
			return nil, status.Error(codes.Unauthenticated, "nobody is signed in")
		}
		return wrapperspb.String(user.Name), nil
	}
	return func(_ any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		var in emptypb.Empty
		if err := decode(&in); err != nil {
			return nil, err
		}
		return intercept(ctx, &in, &grpc.UnaryServerInfo{FullMethod: WhoAmI}, answer)
	}
}

// authenticate lets a call through that one of the strategies knows. They see
// its metadata as headers, and nothing else of a request.
func authenticate(a *passport.Authenticator[*site.User], names ...string) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, in any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, info.FullMethod, nil)
		if err != nil {
			return nil, status.Error(codes.Internal, "a method without a name")
		}
		md, _ := metadata.FromIncomingContext(ctx)
		for name, values := range md {
			r.Header[http.CanonicalHeaderKey(name)] = values
		}
		res, err := a.Authenticate(r, names...)
		if err != nil {
			return nil, status.Error(codes.Unavailable, "try again later")
		}
		if res.Outcome() != passport.Succeeded {
			return nil, status.Error(codes.Unauthenticated, "no valid credentials")
		}
		return next(a.WithUser(ctx, res.User()), in)
	}
}
