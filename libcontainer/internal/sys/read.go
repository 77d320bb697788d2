package sys

import "golang.org/x/sys/unix"

// ReadFile reads a file whole. The one of package os asks the kernel four times more
// for each file whether it can be polled, and sets up the poller first; on a path that
// a command takes for every container that is a tenth of its system calls.
func ReadFile(path string) ([]byte, error) {
	fd, err := openRetry(path)
	if err != nil {
		return nil, Fail(err, "open", Quote(path))
	}
	defer unix.Close(fd)
	data, err := ReadAll(fd, 1024)
	if err != nil {
		return nil, Fail(err, "read", Quote(path))
	}
	return data, nil
}

func openRetry(path string) (fd int, err error) {
	err = Retry(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		return err
	})
	return fd, err
}

// ReadAll reads a descriptor to its end; expect is a guess at how many bytes come.
func ReadAll(fd, expect int) ([]byte, error) {
	data := make([]byte, 0, expect+1) // one more: the end is seen without growing
	for {
		n, err := unix.Read(fd, data[len(data):cap(data)])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, err
		case n == 0:
			return data, nil
		}
		if data = data[:len(data)+n]; len(data) == cap(data) {
			data = append(data, make([]byte, cap(data))...)[:len(data)]
		}
	}
}
