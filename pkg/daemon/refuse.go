package daemon

import (
	"fmt"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
)

// A configError is a configuration that is not served: everything that is wrong
// with it, as it is shown to an operator.
type configError struct {
	problems []string
	summary  string
	errors   string // those of the problems that are errors, one line each; "" when it is something else
}

// Error implements error.
func (e *configError) Error() string {
	return strings.Join(e.problems, "\n") + "\n" + e.summary
}

// unusable is what Load has found.
func unusable(problems []config.Problem) error {
	e := &configError{errors: errorsOf(problems)}
	errs := 0
	for i := range problems {
		e.problems = append(e.problems, problems[i].String())
		if problems[i].Severity == config.Error {
			errs++
		}
	}
	e.summary = fmt.Sprintf("the configuration has %s", count(errs, "error"))
	return e
}

// refuses is what keeps a correct configuration from being served.
func refuses(cfg *config.Config) error {
	e := &configError{summary: "serving without this would change who gets what; --serve-anyway does it all the same"}
	for _, reason := range cfg.Refuse {
		e.problems = append(e.problems, cfg.File+": "+reason)
	}
	return e
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
