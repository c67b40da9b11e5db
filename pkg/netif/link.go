package netif

import "context"

// FollowLink is Follow for the one link that has a name: it sends how the link is,
// nil where there is none, then a new picture after every change, until ctx is done;
// then it closes the channel. A link that goes and comes again under its name, or
// another that takes the name, is followed like any change.
func FollowLink(ctx context.Context, name string) (<-chan *Interface, error) {
	pictures, err := Follow(ctx)
	if err != nil {
		return nil, err
	}
	out := make(chan *Interface, 1)
	go func() {
		defer close(out)
		first, last := true, (*Interface)(nil)
		for p := range pictures {
			now := p.named(name)
			if first || !same(now, last) {
				first, last = false, now
				select {
				case <-out: // nobody has taken it yet
				default:
				}
				out <- now
			}
		}
	}()
	return out, nil
}

// named returns a copy of the interface of that name, or nil.
func (e Event) named(name string) *Interface {
	for _, i := range e.Interfaces {
		if i.Name == name {
			return &i
		}
	}
	return nil
}

// same reports whether two pictures of a link, or of none, are the same.
func same(a, b *Interface) bool {
	if a == nil || b == nil {
		return a == b
	}
	return equal([]Interface{*a}, []Interface{*b})
}
