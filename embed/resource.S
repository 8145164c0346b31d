/* The model's file as read-only data: QN_EMBED_FILE names it. */
	.section .rodata
	.balign 64
	.global qn_resource_begin
	.hidden qn_resource_begin
qn_resource_begin:
	.incbin QN_EMBED_FILE
	.global qn_resource_end
	.hidden qn_resource_end
qn_resource_end:
	.byte 0
	.section .note.GNU-stack,"",%progbits
