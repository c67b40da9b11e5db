package load

import (
	"encoding/json"
	"io"
	"time"
)

// A Report is the outcome of a run. docs/load.md tells what the names in JSON
// mean; they stay.
type Report struct {
	Scenario    string        `json:"scenario"`
	Server      string        `json:"server"`
	Server4     string        `json:"server4,omitempty"`
	Relays      int           `json:"relays"`
	Seed        uint64        `json:"seed"`
	Took        time.Duration `json:"took_ns"` // from the first message to the last answer or loss
	Interrupted bool          `json:"interrupted"`

	Prepared *Preparation `json:"prepared,omitempty"` // the leases taken before; in nothing else here
	Storm    *StormReport `json:"storm,omitempty"`

	Begun     int     `json:"begun"`     // conversations
	Completed int     `json:"completed"` // of them every step was answered
	Lost      int     `json:"lost"`      // ended by a message that nobody answered
	Refused   int     `json:"refused"`   // ended by a refusal: DHCPNAK, a status code other than success, another address
	PerSecond float64 `json:"per_second"`
	Late      int     `json:"late"` // left out although the rate asks for them, as too many were in flight

	Acts         []ActReport  `json:"acts"`
	Steps        []StepReport `json:"steps"`
	Conversation Latency      `json:"conversation"` // first message to last answer of those completed

	Strays    int `json:"strays"`    // answers that belong to no message in flight
	Malformed int `json:"malformed"` // datagrams that could not be read
	Unsent    int `json:"unsent"`    // messages that the host did not take

	Problem string `json:"problem,omitempty"` // why it did not, the first time

	Processes []Process `json:"processes,omitempty"` // those asked for
	Own       Process   `json:"own"`
}

// A Preparation tells of the leases that were taken before the run.
type Preparation struct {
	Took      time.Duration `json:"took_ns"`
	Begun     int           `json:"begun"`
	Completed int           `json:"completed"`
	Lost      int           `json:"lost"`
	Refused   int           `json:"refused"`
	PerSecond float64       `json:"per_second"`
}

// A StormReport tells how clients came back.
type StormReport struct {
	Clients int     `json:"clients"` // that were to take part
	Held    int     `json:"held"`    // of them held a lease when the storm broke
	Back    int     `json:"back"`    // of them kept it
	After   Latency `json:"after"`   // from the storm's first moment
}

// An ActReport tells of the conversations that began for one purpose.
type ActReport struct {
	Kind      string  `json:"kind"`
	Act       string  `json:"act"`
	Begun     int     `json:"begun"`
	Completed int     `json:"completed"`
	Refused   int     `json:"refused"`
	Lost      int     `json:"lost"`
	Latency   Latency `json:"latency"` // first message to last answer
}

// A StepReport tells of one step of all conversations of a kind.
type StepReport struct {
	Kind          string  `json:"kind"`
	Step          string  `json:"step"`
	Sent          int     `json:"sent"` // first transmissions
	Retransmitted int     `json:"retransmitted"`
	Answered      int     `json:"answered"`
	Refused       int     `json:"refused"`
	Lost          int     `json:"lost"`
	Latency       Latency `json:"latency"` // first transmission to answer
}

// A Latency sums up how long something took. Percentiles are at most three per
// cent above the true value; Max is exact.
type Latency struct {
	Count uint64        `json:"count"`
	Mean  time.Duration `json:"mean_ns"`
	P50   time.Duration `json:"p50_ns"`
	P90   time.Duration `json:"p90_ns"`
	P99   time.Duration `json:"p99_ns"`
	P999  time.Duration `json:"p999_ns"`
	Max   time.Duration `json:"max_ns"`
}

// A Process tells what a process used while the load ran.
type Process struct {
	PID      int     `json:"pid"`
	Name     string  `json:"name"`
	CPU      float64 `json:"cpu_seconds"`      // user and system
	PerMille float64 `json:"cpu_seconds_1000"` // for 1000 completed conversations
	Memory   Memory  `json:"memory"`
}

// A Memory is what a process had in memory, in octets.
type Memory struct {
	Before int64 `json:"before"` // when the run began
	After  int64 `json:"after"`
	Peak   int64 `json:"peak"` // since the process began
}

// LossRate returns the part of all conversations begun that got no answer or
// a refusal; those that the clients of a storm never began count too.
func (r *Report) LossRate() float64 {
	begun := r.Begun
	if r.Storm != nil {
		begun = max(begun, r.Storm.Clients)
	}
	if begun == 0 {
		return 0
	}
	return float64(begun-r.Completed) / float64(begun)
}

// Silent reports whether many messages were sent, or some more than once, and
// none was answered.
func (r *Report) Silent() bool {
	sent := 0
	for _, s := range r.Steps {
		if s.Latency.Count > 0 {
			return false
		}
		sent += s.Sent + s.Retransmitted
	}
	return sent > 1 && (r.Prepared == nil || r.Prepared.Completed == 0)
}

// JSON writes the report as one JSON object.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
