package step

// kind is how a type of step is recognised and made anew.
type kind struct {
	is   func(Step) bool
	make func() Step
}

func of[T any, P interface {
	*T
	Step
}]() kind {
	return kind{
		is:   func(s Step) bool { _, ok := s.(P); return ok },
		make: func() Step { return P(new(T)) },
	}
}

// kinds lists every type of step, one line each; its position is its number on
// the wire. Host and child are one binary, so the order may change at will: what a
// plan may have hundreds of is found first.
var kinds = [...]kind{
	of[Bind](),
	of[Device](),
	of[MaskedPath](),
	of[ReadonlyPath](),
	of[Mount](),
	of[CgroupNamespace](),
	of[Session](),
	of[Keyring](),
	of[EnterNetwork](),
	of[Loopback](),
	of[HoldSource](),
	of[EnterRoot](),
	of[Chroot](),
	of[HoldNull](),
	of[CgroupMount](),
	of[DeviceLinks](),
	of[RuntimeHook](),
	of[ContainerHook](),
	of[Console](),
	of[Reconfigure](),
	of[Remount](),
	of[Sysctl](),
	of[PivotRoot](),
	of[LockIn](),
	of[ReadonlyRoot](),
	of[RootPropagation](),
	of[Hostname](),
	of[Domainname](),
	of[Personality](),
	of[Cwd](),
	of[TakeConsole](),
	of[SpareThreads](),
	of[Umask](),
	of[OwnStdio](),
	of[OOMScore](),
	of[Rlimit](),
	of[Bounding](),
	of[User](),
	of[Capabilities](),
	of[NoNewPrivileges](),
	of[Environment](),
	of[FindProgram](),
	of[CloseFiles](),
	of[ResetSignals](),
	of[WaitStart](),
	of[AnswerStart](),
	of[Execute](),
}

func kindOf(s Step) int {
	for i := range kinds {
		if kinds[i].is(s) {
			return i
		}
	}
	return -1
}
