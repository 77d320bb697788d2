package verb

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer"
)

// letters of a made-up id: none that looks like another.
const letters = "0123456789abcdefghjkmnpqrstvwxyz"

// makeID makes up an id: 8 letters, which are 40 random bits.
func makeID() (string, error) {
	b := make([]byte, 8)
	if n, err := unix.Getrandom(b, 0); err != nil || n != len(b) {
		return "", errors.Join(errors.New("getrandom: no random bytes"), err)
	}
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return string(b), nil
}

// tries is how often an id may happen to be taken: even one time in a million
// containers would be bad luck.
const tries = 8

// underNewID runs with an id that nobody has. Whether it is free is known when it has
// been reserved: two commands may make up the same one.
func underNewID(makeID func() (string, error), run func(id string) error) error {
	for i := 1; ; i++ {
		id, err := makeID()
		if err != nil {
			return err
		}
		err = run(id)
		if i == tries || !errors.Is(err, libcontainer.ErrExists) {
			return err
		}
	}
}
