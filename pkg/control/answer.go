package control

import (
	"context"
	"errors"
	"time"
)

var errWait = errors.New("too many commands at once, try again later")

// An answer is what goes out on a connection.
type answer struct {
	outcome
	text []byte
	held int // octets taken from the budget
}

// answer carries out the command in and lets go of it. Few commands run at once: all
// of them share the processors with the packets. A command that has run keeps
// its turn until there is room for its answer, so that answers nobody reads do
// not pile up.
func (s *Server) answer(ctx context.Context, in *input, list bool) answer {
	defer in.drop()
	wait, cancel := context.WithTimeout(ctx, s.limits.Wait)
	defer cancel()
	select {
	case s.turns <- struct{}{}:
	case <-wait.Done():
		return refusal(errWait.Error(), list)
	}
	defer func() { <-s.turns }()

	a := answer{outcome: s.registry.call(ctx, in.text())}
	a.text = wrap(encode(a.result), list)
	in.drop()
	if len(a.text) <= small {
		return a
	}
	wait, cancel = context.WithTimeout(ctx, s.limits.Read)
	defer cancel()
	held, err := s.out.await(wait, len(a.text))
	if err != nil {
		r := refusal(errWait.Error(), list)
		r.command, r.fault = a.command, a.fault
		return r
	}
	a.held = held
	return a
}

func refusal(text string, list bool) answer {
	res := failed(text)
	return answer{outcome: outcome{result: res}, text: wrap(encode(res), list)}
}

// wrap makes the answer the only one in a list, as by HTTP.
func wrap(b []byte, list bool) []byte {
	if !list {
		return b
	}
	b = append(b, ' ')
	copy(b[1:], b)
	b[0] = '['
	return append(b, ']')
}

// patience is how long n octets may take to be read.
func (s *Server) patience(n int) time.Duration {
	return s.limits.Read + time.Duration(n>>20)*time.Second
}
