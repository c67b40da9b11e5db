package leasetest

import (
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

func TestMemoryConforms(t *testing.T) {
	fresh := func(*testing.T) Medium {
		m := new(Memory)
		return func(*testing.T) lease.Store {
			m = m.PowerCut()
			return m
		}
	}
	t.Run("v4", func(t *testing.T) { Conformance(t, Samples4(), fresh) })
	t.Run("v6", func(t *testing.T) { Conformance(t, Samples6(), fresh) })
}
