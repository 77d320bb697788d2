#include "textflag.h"

// The kernel enters with the number of the signal in R0, on the thread's stack for
// signals, and with the address of restore in R30. It puts every register back
// afterwards (sigreturn(2)): all of them may be used.
TEXT ·handler(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	SUB	$16, RSP
	MOVB	R0, 0(RSP)
	MOVW	·pipe(SB), R0
	MOVD	RSP, R1
	MOVD	$1, R2
	MOVD	$64, R8		// write(pipe, &signal, 1)
	SVC
	ADD	$16, RSP
	RET

TEXT ·restore(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVD	$139, R8	// rt_sigreturn
	SVC
	BRK	$1

TEXT ·handlerPC(SB), NOSPLIT, $0-8
	MOVD	$·handler(SB), R0
	MOVD	R0, ret+0(FP)
	RET

TEXT ·restorePC(SB), NOSPLIT, $0-8
	MOVD	$·restore(SB), R0
	MOVD	R0, ret+0(FP)
	RET
