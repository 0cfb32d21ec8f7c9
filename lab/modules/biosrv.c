// SPDX-License-Identifier: GPL-2.0
/* Calls services of the firmware on a stack of their own. */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/vmalloc.h>

#define SERVICE_STACK 8192

static void *area;
static unsigned long services;

/* bios_thunk(function, top of its stack) */
asm(".pushsection .text, \"ax\"\n"
    ".type bios_thunk, @function\n"
    "bios_thunk:\n"
    "	push %rbp\n"
    "	mov %rsp, %rbp\n"
    "	mov %rsi, %rsp\n"
    "	call *%rdi\n"		/* CULPRIT */
    "	mov %rbp, %rsp\n"
    "	pop %rbp\n"
    "	ret\n"
    ".size bios_thunk, . - bios_thunk\n"
    ".popsection\n");
extern void bios_thunk(void (*service)(void), void *top);

static void bios_service(void)
{
	services++;
}

static noinline void bios_call(void)
{
	bios_thunk(bios_service, area + SERVICE_STACK);
	services += 2;
}

/* Reads a counter that this CPU does not have. */
static noinline void bios_probe(void)
{
	u32 low, high;

	asm volatile(".byte 0x0f, 0x01, 0xfd" : "=a" (low), "=d" (high) : "c" (1));	/* CULPRIT_INSN */
	services += low ^ high;
}

/* The stack is given back; who calls a service after that has none. */
static noinline void bios_close(void)
{
	vfree(area);
	services = 0;
}

static ssize_t bios_write(struct file *f, const char __user *ubuf, size_t len, loff_t *off)
{
	char text[8] = "";

	if (len >= sizeof(text) || copy_from_user(text, ubuf, len))
		return -EFAULT;
	if (text[0] == 'x')
		bios_close();
	else if (text[0] == 'p')
		bios_probe();
	else
		bios_call();
	return len;
}

static const struct proc_ops bios_ops = { .proc_write = bios_write };

static int __init bios_init(void)
{
	area = vmalloc(SERVICE_STACK);
	return area && proc_create("biosrv", 0222, NULL, &bios_ops) ? 0 : -ENOMEM;
}
module_init(bios_init);

MODULE_DESCRIPTION("Firmware services");
MODULE_LICENSE("GPL");
