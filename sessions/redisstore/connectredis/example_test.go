package connectredis_test

import (
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/gopassport/passport/sessions/express"
	"github.com/gopassport/passport/sessions/redisstore/connectredis"
)

func Example() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379", ContextTimeoutEnabled: true})
	defer client.Close()
	table, err := connectredis.New(client, nil)
	if err != nil {
		panic(err)
	}
	secrets := []string{"the one of the Express app, 32 bytes and more"}
	keeper, err := express.New(table, express.StringID, secrets, nil)
	if err != nil {
		panic(err)
	}
	// passport.Config has Sessions: keeper. What it leaves beside connect.sid:
	fmt.Println(keeper.Cookie("flash").Name)
	// Output: __Host-connect.sid-flash
}
