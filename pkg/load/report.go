package load

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// A Report is the outcome of a run.
type Report struct {
	Scenario string        `json:"scenario"`
	Server   string        `json:"server"`
	Relays   int           `json:"relays"`
	Took     time.Duration `json:"took_ns"` // from the first message to the last answer or loss

	Begun     int     `json:"begun"`     // conversations
	Completed int     `json:"completed"` // of them every step was answered
	Lost      int     `json:"lost"`      // ended by a message that nobody answered
	Refused   int     `json:"refused"`   // ended by a refusal: DHCPNAK, a status code other than success
	PerSecond float64 `json:"per_second"`
	Late      int     `json:"late"` // begun later than the rate asks, as too many were in flight

	Steps        []StepReport `json:"steps"`
	Conversation Latency      `json:"conversation"` // first message to last answer of those completed

	Strays    int `json:"strays"`    // answers that belong to no message in flight
	Malformed int `json:"malformed"` // datagrams that could not be read
	Unsent    int `json:"unsent"`    // messages that the host did not take

	Problem string `json:"problem,omitempty"` // why it did not, the first time

	CPU []CPU `json:"cpu,omitempty"` // of the processes asked for
	Own CPU   `json:"own_cpu"`
}

// A StepReport tells of one step of all conversations.
type StepReport struct {
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
	Max   time.Duration `json:"max_ns"`
}

// A CPU tells what a process used while the load ran.
type CPU struct {
	PID     int     `json:"pid"`
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`  // user and system
	PerMile float64 `json:"per_1000"` // seconds for 1000 completed conversations
}

// LossRate returns the part of all conversations begun that got no answer or
// a refusal.
func (r *Report) LossRate() float64 {
	if r.Begun == 0 {
		return 0
	}
	return float64(r.Begun-r.Completed) / float64(r.Begun)
}

// JSON writes the report as one JSON object.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	how := "direct"
	if r.Scenario == V4.String() {
		how = "as a relay"
	} else if r.Relays > 0 {
		how = fmt.Sprintf("through %d relay(s)", r.Relays)
	}
	fmt.Fprintf(&b, "%s, %s, server %s, %s\n", r.Scenario, how, r.Server, short(r.Took))
	fmt.Fprintf(&b, "conversations  %d completed, %d lost, %d refused of %d begun: %.0f/s\n", r.Completed, r.Lost, r.Refused, r.Begun, r.PerSecond)
	fmt.Fprintf(&b, "%-14s %9s %9s %8s %8s %8s %9s %9s %9s %9s\n", "step", "sent", "answered", "resent", "refused", "lost", "p50", "p90", "p99", "max")
	for _, s := range r.Steps {
		row(&b, s.Step, fmt.Sprintf("%9d %9d %8d %8d %8d", s.Sent, s.Answered, s.Retransmitted, s.Refused, s.Lost), s.Latency)
	}
	row(&b, "conversation", fmt.Sprintf("%9d %9d %8s %8d %8d", r.Begun, r.Completed, "", r.Refused, r.Lost), r.Conversation)
	for _, c := range r.CPU {
		fmt.Fprintf(&b, "cpu of %-16s %6.2f s, %.4f s for 1000 conversations (pid %d)\n", c.Name, c.Seconds, c.PerMile, c.PID)
	}
	if len(r.CPU) > 1 {
		var sum CPU
		for _, c := range r.CPU {
			sum.Seconds, sum.PerMile = sum.Seconds+c.Seconds, sum.PerMile+c.PerMile
		}
		fmt.Fprintf(&b, "cpu of all %-12s %6.2f s, %.4f s for 1000 conversations\n", "", sum.Seconds, sum.PerMile)
	}
	fmt.Fprintf(&b, "cpu of the load %14.2f s, %.4f s for 1000 conversations\n", r.Own.Seconds, r.Own.PerMile)
	if r.Strays+r.Malformed+r.Unsent+r.Late > 0 {
		fmt.Fprintf(&b, "beside that    %d stray answers, %d malformed, %d not sent, %d begun late\n", r.Strays, r.Malformed, r.Unsent, r.Late)
	}
	if r.Problem != "" {
		fmt.Fprintf(&b, "not sent       %s\n", r.Problem)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func row(b *strings.Builder, name, counts string, l Latency) {
	fmt.Fprintf(b, "%-14s %s", name, counts)
	if l.Count > 0 {
		fmt.Fprintf(b, " %9s %9s %9s %9s", short(l.P50), short(l.P90), short(l.P99), short(l.Max))
	}
	b.WriteByte('\n')
}

// short returns d with about three digits.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}

// Progress tells how far a run has come.
type Progress struct {
	Elapsed   time.Duration
	Begun     int
	Completed int
	Lost      int // lost and refused
	InFlight  int
	PerSecond float64 // completed in the time since the last call
	P50, P99  time.Duration
	Done      bool // the last call
}

// String returns one line, as a terminal shows it.
func (p Progress) String() string {
	return fmt.Sprintf("%6.1fs  %d done  %.0f/s  %d in flight  %d lost  p50 %s  p99 %s",
		p.Elapsed.Seconds(), p.Completed, p.PerSecond, p.InFlight, p.Lost, short(p.P50), short(p.P99))
}
