//go:build !amd64 && !arm64

package sigpipe

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

func catchAll(fd int) error {
	c := make(chan os.Signal, 64)
	for sig := 1; sig <= last; sig++ {
		if ours(sig) {
			signal.Notify(c, unix.Signal(sig))
		}
	}
	go func() {
		for s := range c {
			if sig, ok := s.(unix.Signal); ok {
				_, _ = unix.Write(fd, []byte{byte(sig)})
			}
		}
	}()
	return nil
}
