package netif

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	quiet   = 50 * time.Millisecond  // a change is told when none has followed for so long
	patient = 500 * time.Millisecond // or when the first of them is so old
	again   = time.Second            // how long until a picture that failed is taken again
)

// Follow sends the picture as it is, then a new one after every change, until
// ctx is done; then it closes the channel. Changes that come close together
// make one picture, and a reader that is slow finds the newest one only.
//
// The namespace is that of the thread that calls Follow. When the kernel loses
// notifications (ENOBUFS), the next picture makes up for them, since it is
// whole.
func Follow(ctx context.Context) (<-chan Event, error) {
	news, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR)
	if err != nil {
		return nil, fmt.Errorf("netif: follow: %w", err)
	}
	d, err := newDumper()
	if err != nil {
		news.Close()
		return nil, err
	}
	first, err := d.list()
	if err != nil {
		news.Close()
		d.close()
		return nil, err
	}
	f := &follower{dumper: d, changed: make(chan struct{}, 1), out: make(chan Event, 1), links: make(map[int]*ups)}
	f.note(first)
	go func() {
		defer close(f.out)
		defer d.close()
		listened := make(chan struct{})
		go func() {
			defer close(listened)
			f.listen(ctx, news)
		}()
		f.run(ctx, first)
		news.Close() // ends listen
		<-listened
	}()
	return f.out, nil
}

// A follower is what Follow runs.
type follower struct {
	dumper  *dumper
	changed chan struct{} // holds one: something has changed since the last picture
	out     chan Event    // holds one: the newest picture

	mu    sync.Mutex
	links map[int]*ups // by index
}

// ups is what was heard of a link: a fall that is over before the next picture is
// taken would not be seen in it.
type ups struct {
	up    bool
	falls uint32
}

// heard takes in what a notification says.
func (f *follower) heard(kind uint16, m []byte) {
	if kind != unix.RTM_NEWLINK {
		return
	}
	if i, ok := parseLink(m); ok {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.turn(&i)
	}
}

// turn notes whether a link is up.
func (f *follower) turn(i *Interface) {
	l := f.links[i.Index]
	if l == nil {
		l = new(ups)
		f.links[i.Index] = l
	}
	up := i.Up && i.Running
	if l.up && !up {
		l.falls++
	}
	l.up = up
}

// note takes in a picture, which knows better where notifications were lost, writes
// into it what was heard, and forgets links that have gone.
func (f *follower) note(all []Interface) {
	f.mu.Lock()
	defer f.mu.Unlock()
	there := make(map[int]*ups, len(all))
	for i := range all {
		f.turn(&all[i])
		there[all[i].Index] = f.links[all[i].Index]
		all[i].Falls = there[all[i].Index].falls
	}
	f.links = there
}

// listen notes that something has changed, until news is closed, which happens
// when ctx is done. Of what has changed only that a link fell is kept.
func (f *follower) listen(ctx context.Context, news *nl.NetlinkSocket) {
	for {
		msgs, _, err := news.Receive()
		if ctx.Err() != nil {
			return
		}
		for _, m := range msgs {
			f.heard(m.Header.Type, m.Data)
		}
		select {
		case f.changed <- struct{}{}:
		default:
		}
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			time.Sleep(quiet) // an error that stays must not spin
		}
	}
}

// run takes and sends pictures until ctx is done.
func (f *follower) run(ctx context.Context, last []Interface) {
	f.send(Event{last})
	for f.settle(ctx) {
		now, err := f.dumper.list()
		if err != nil {
			if !f.askAgain(ctx) {
				return
			}
			continue
		}
		if f.note(now); !equal(now, last) {
			last = now
			f.send(Event{now})
		}
	}
}

// send puts e in the place of a picture that nobody has taken yet.
func (f *follower) send(e Event) {
	select {
	case <-f.out:
	default:
	}
	f.out <- e // there is room: this goroutine is the only one that sends
}

// settle waits for a change and then until things are quiet; false when ctx is
// done.
func (f *follower) settle(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-f.changed:
	}
	deadline := time.After(patient)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-f.changed:
		case <-deadline:
			return true
		case <-time.After(quiet):
			return true
		}
	}
}

// askAgain waits before a picture is taken again; false when ctx is done.
func (f *follower) askAgain(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(again):
	}
	select {
	case f.changed <- struct{}{}:
	default:
	}
	return true
}
