package redisstore

// Decode and Encode are the codec, for tests alone.
var (
	Decode = decode
	Encode = encode
)
