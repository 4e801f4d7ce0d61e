package sessions

// The codec, without a store around it.
var (
	ValidData = validData
	Encode    = encode
	Decode    = decode
	FindValue = find
)

// The bounds that the tests count against.
const (
	SaveTries  = saveTries
	SweepBatch = sweepBatch
	SweepPause = sweepPause
	SweepGrace = sweepGrace
)
