package config

import (
	"fmt"
	"sort"
)

// maxProblems is how many problems are kept; a file that is not a configuration
// at all has one for each of its words.
const maxProblems = 500

// report gathers problems as they are found.
type report struct {
	found []finding
	left  int // problems beyond maxProblems
	errs  int
}

type finding struct {
	at place
	Problem
}

func (r *report) add(sev Severity, at place, path, suggestion, format string, args ...any) {
	if sev == Error {
		r.errs++
	}
	if len(r.found) >= maxProblems {
		r.left++
		return
	}
	f := finding{at: at}
	f.Severity, f.Path, f.Suggestion = sev, path, suggestion
	f.Text = fmt.Sprintf(format, args...)
	if at.src != nil {
		f.File = at.src.name
		f.Line, f.Col, f.cut, f.Source = at.show()
	}
	r.found = append(r.found, f)
}

// errorf reports an error at n.
func (r *report) errorf(n *node, format string, args ...any) {
	r.add(Error, n.at, n.path(), "", format, args...)
}

// warnf reports at n what is worth knowing.
func (r *report) warnf(n *node, format string, args ...any) {
	r.add(Warning, n.at, n.path(), "", format, args...)
}

// problems returns what was found in the order of the files.
func (r *report) problems() []Problem {
	sort.SliceStable(r.found, func(i, j int) bool {
		a, b := r.found[i].at, r.found[j].at
		if a.src == nil || b.src == nil {
			return a.src == nil && b.src != nil
		}
		return a.before(b)
	})
	out := make([]Problem, 0, len(r.found)+1)
	for _, f := range r.found {
		out = append(out, f.Problem)
	}
	if r.left > 0 {
		sev := Warning
		if r.errs > 0 {
			sev = Error
		}
		out = append(out, Problem{File: out[0].File, Severity: sev, Text: fmt.Sprintf("%d more problems are not shown", r.left)})
	}
	return out
}
