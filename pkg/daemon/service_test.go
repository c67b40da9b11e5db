package daemon

import (
	"testing"
	"testing/synctest"
	"time"
)

// What an origin has switched off only it, or its time, switches on; its last
// word holds.
func TestOriginsOfDisable(t *testing.T) {
	const s = time.Second
	for name, f := range map[string]func(v *service, off func(bool)){
		"each origin for itself": func(v *service, off func(bool)) {
			v.disable(originUser, 0)
			v.disable(originRemote, 0)
			v.enable(originUser)
			off(true)
			v.enable(originRemote)
			off(false)
		},
		"twice off is once off": func(v *service, off func(bool)) {
			v.disable(originUser, 0)
			v.disable(originUser, 0)
			v.enable(originUser)
			off(false)
		},
		"a period ends": func(v *service, off func(bool)) {
			v.disable(originUser, 2*s)
			time.Sleep(2*s - time.Nanosecond)
			off(true)
			time.Sleep(time.Nanosecond)
			off(false)
		},
		"a longer one in its place": func(v *service, off func(bool)) {
			v.disable(originUser, 2*s)
			v.disable(originUser, 60*s)
			time.Sleep(59 * s)
			off(true)
			time.Sleep(s)
			off(false)
		},
		"no limit in its place": func(v *service, off func(bool)) {
			v.disable(originUser, 2*s)
			v.disable(originUser, 0)
			time.Sleep(time.Hour)
			off(true)
		},
		"a period of another origin": func(v *service, off func(bool)) {
			v.disable(originUser, 0)
			v.disable(originRemote, 2*s)
			time.Sleep(3 * s)
			off(true)
			v.enable(originUser)
			off(false)
		},
		"a period that was ended does not end the next": func(v *service, off func(bool)) {
			v.disable(originUser, 2*s)
			v.enable(originUser)
			v.disable(originUser, 0)
			time.Sleep(3 * s)
			off(true)
		},
		"on that was not off": func(v *service, off func(bool)) {
			v.enable(originUser)
			off(false)
		},
		"closed": func(v *service, _ func(bool)) {
			v.disable(originUser, 2*s)
			v.disable(originRemote, 0)
			v.close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				is := false
				v := &service{tell: func(off bool) { is = off }}
				f(v, func(want bool) {
					t.Helper()
					synctest.Wait()
					if is != want || v.state()["globally-disabled"] != want {
						t.Errorf("off: %v, want %v", is, want)
					}
				})
				v.close()
			})
		})
	}
}
