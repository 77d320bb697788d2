package main

import (
	"fmt"
	"os"
	"sync"
)

// pool is some workers, each in a sandbox of its own.
type pool struct {
	config  config
	workers []*worker
}

func newPool(c config) (*pool, error) {
	p := &pool{config: c}
	for range c.workers {
		w, err := startWorker(c)
		if err != nil {
			p.stop()
			return nil, err
		}
		p.workers = append(p.workers, w)
	}
	return p, nil
}

// each has the tasks done, by whichever worker is free, and returns the replies in the
// order of the tasks.
func (p *pool) each(tasks []task) []reply {
	replies := make([]reply, len(tasks))
	next := make(chan int)
	var wg sync.WaitGroup
	for i := range p.workers {
		wg.Go(func() {
			for n := range next {
				replies[n] = p.one(i, tasks[n])
			}
		})
	}
	for n := range tasks {
		next <- n
	}
	close(next)
	wg.Wait()
	return replies
}

// one has worker i do a task, and replaces the worker when its sandbox is spoilt.
func (p *pool) one(i int, t task) reply {
	r, err := p.workers[i].ask(t)
	if err == nil && r.broken() == "" {
		return r
	}
	if err != nil {
		r = reply{outcome{Job: t.Job, Broken: err.Error()}, lap{Race: t.Race, Broken: err.Error()}}
	}
	_ = p.workers[i].stop() // it has said what is wrong on stderr
	if p.workers[i], err = startWorker(p.config); err != nil {
		fmt.Fprintln(os.Stderr, "faults: start another worker:", err)
		os.Exit(2)
	}
	return r
}

func (p *pool) stop() {
	for _, w := range p.workers {
		_ = w.stop() // what was wrong with it is in its replies
	}
}
