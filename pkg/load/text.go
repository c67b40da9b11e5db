package load

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	r.head(&b)
	r.table(&b)
	r.costs(&b)
	if r.Strays+r.Malformed+r.Unsent+r.Late > 0 {
		fmt.Fprintf(&b, "beside that    %d stray answers, %d malformed, %d not sent, %d left out for want of room\n", r.Strays, r.Malformed, r.Unsent, r.Late)
	}
	if r.Problem != "" {
		fmt.Fprintf(&b, "not sent       %s\n", r.Problem)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) head(b *strings.Builder) {
	how := "direct"
	if r.Relays > 0 {
		how = fmt.Sprintf("through %d relay(s)", r.Relays)
	}
	servers := r.Server
	if r.Server4 != "" {
		servers += " and " + r.Server4
	}
	fmt.Fprintf(b, "%s, %s, server %s, %s, seed %d\n", r.Scenario, how, servers, short(r.Took), r.Seed)
	if r.Interrupted {
		b.WriteString("interrupted    what was in flight is neither completed nor lost\n")
	}
	if p := r.Prepared; p != nil {
		fmt.Fprintf(b, "before that    %d leases taken in %s, %d lost, %d refused: %.0f/s\n", p.Completed, short(p.Took), p.Lost, p.Refused, p.PerSecond)
	}
	if s := r.Storm; s != nil {
		fmt.Fprintf(b, "storm          %d of %d clients held a lease, %d are back: half after %s, 90 %% %s, 99 %% %s, the last %s\n",
			s.Held, s.Clients, s.Back, short(s.After.P50), short(s.After.P90), short(s.After.P99), short(s.After.Max))
	}
	fmt.Fprintf(b, "conversations  %d completed, %d lost, %d refused of %d begun: %.0f/s\n", r.Completed, r.Lost, r.Refused, r.Begun, r.PerSecond)
}

// table has a line for each step, for each act where there are several, and
// for all conversations.
func (r *Report) table(b *strings.Builder) {
	mixed := false
	for _, a := range r.Acts {
		mixed = mixed || a.Kind != r.Acts[0].Kind
	}
	name := func(kind, what string) string {
		if mixed {
			return kind + " " + what
		}
		return what
	}
	width := len("conversation") + 2
	for _, s := range r.Steps {
		width = max(width, len(name(s.Kind, s.Step)))
	}
	row := func(name, counts string, l Latency) {
		fmt.Fprintf(b, "%-*s %s", width, name, counts)
		if l.Count > 0 {
			fmt.Fprintf(b, " %9s %9s %9s %9s %9s", short(l.P50), short(l.P90), short(l.P99), short(l.P999), short(l.Max))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(b, "%-*s %9s %9s %8s %8s %8s %9s %9s %9s %9s %9s\n", width, "step", "sent", "answered", "resent", "refused", "lost", "p50", "p90", "p99", "p99.9", "max")
	for _, s := range r.Steps {
		row(name(s.Kind, s.Step), fmt.Sprintf("%9d %9d %8d %8d %8d", s.Sent, s.Answered, s.Retransmitted, s.Refused, s.Lost), s.Latency)
	}
	if len(r.Acts) > 1 {
		for _, a := range r.Acts {
			row(name(a.Kind, a.Act), fmt.Sprintf("%9d %9d %8s %8d %8d", a.Begun, a.Completed, "", a.Refused, a.Lost), a.Latency)
		}
	}
	row("conversation", fmt.Sprintf("%9d %9d %8s %8d %8d", r.Begun, r.Completed, "", r.Refused, r.Lost), r.Conversation)
}

// costs tells what the processes used.
func (r *Report) costs(b *strings.Builder) {
	var sum Process
	for _, p := range r.Processes {
		sum.CPU, sum.PerMille = sum.CPU+p.CPU, sum.PerMille+p.PerMille
		fmt.Fprintf(b, "%-14s %6.2f s of cpu, %.4f s for 1000 conversations; memory %s, before %s, at most %s (pid %d)\n",
			p.Name, p.CPU, p.PerMille, megabytes(p.Memory.After), megabytes(p.Memory.Before), megabytes(p.Memory.Peak), p.PID)
	}
	if len(r.Processes) > 1 {
		fmt.Fprintf(b, "%-14s %6.2f s of cpu, %.4f s for 1000 conversations\n", "all of them", sum.CPU, sum.PerMille)
	}
	fmt.Fprintf(b, "%-14s %6.2f s of cpu, %.4f s for 1000 conversations\n", "this load", r.Own.CPU, r.Own.PerMille)
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

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
	Phase     string // "prepare", "storm", or nothing for the run itself
	Elapsed   time.Duration
	Begun     int
	Completed int
	Of        int // conversations that there will be; 0: nobody knows
	Lost      int // lost and refused
	InFlight  int
	PerSecond float64 // completed in the time since the last call
	P50, P99  time.Duration
	Done      bool // the last call
}

// String returns one line, as a terminal shows it.
func (p Progress) String() string {
	phase, of := "", ""
	if p.Phase != "" {
		phase = p.Phase + "  "
	}
	if p.Of > 0 {
		of = fmt.Sprintf(" of %d", p.Of)
	}
	return fmt.Sprintf("%6.1fs  %s%d%s done  %.0f/s  %d in flight  %d lost  p50 %s  p99 %s",
		p.Elapsed.Seconds(), phase, p.Completed, of, p.PerSecond, p.InFlight, p.Lost, short(p.P50), short(p.P99))
}
