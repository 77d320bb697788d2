#include "textflag.h"

// The kernel enters with the number of the signal in DI, on the thread's stack for
// signals, and with the address of restore as the one to return to. It puts every
// register back afterwards (sigreturn(2)): all of them may be used.
TEXT ·handler(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	SUBQ	$16, SP
	MOVB	DI, 0(SP)
	MOVLQSX	·pipe(SB), DI
	MOVQ	SP, SI
	MOVL	$1, DX
	MOVL	$1, AX		// write(pipe, &signal, 1)
	SYSCALL
	ADDQ	$16, SP
	RET

TEXT ·restore(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVL	$15, AX		// rt_sigreturn
	SYSCALL
	INT	$3

TEXT ·handlerPC(SB), NOSPLIT, $0-8
	LEAQ	·handler(SB), AX
	MOVQ	AX, ret+0(FP)
	RET

TEXT ·restorePC(SB), NOSPLIT, $0-8
	LEAQ	·restore(SB), AX
	MOVQ	AX, ret+0(FP)
	RET
