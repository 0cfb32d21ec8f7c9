// SPDX-License-Identifier: GPL-2.0
/*
 * A loader that changes the firmware: its SetVariable() divides by zero for data of five bytes, and for six reads at a
 * physical address that is none of its own. Starts \vmlinuz.efi with COMMAND as its
 * command line.
 */
#include <efi.h>
#include <efilib.h>

/* Copied to memory of the runtime services: must refer to nothing. */
static __attribute__((noinline)) EFI_STATUS EFIAPI set_variable(CHAR16 *name, EFI_GUID *vendor, UINT32 attributes, UINTN size, VOID *data)
{
	volatile UINTN room = 4096, left = size - 5;

	if (!name || !vendor || !size)
		return EFI_INVALID_PARAMETER;
	if (size == 6)
		left = *(volatile UINTN *)0x7ff0000;
	return room / left > 4096 ? EFI_OUT_OF_RESOURCES : EFI_SUCCESS;
}

#define BYTES 160

static EFI_STATUS install(EFI_SYSTEM_TABLE *table)
{
	UINTN protection;

	/* The code is mapped so that it can only be read. */
	asm volatile("mov %%cr0, %0" : "=r"(protection));
	asm volatile("mov %0, %%cr0" : : "r"(protection & ~(1UL << 16)) : "memory");
	CopyMem((VOID *)table->RuntimeServices->SetVariable, (VOID *)set_variable, BYTES);
	asm volatile("mov %0, %%cr0" : : "r"(protection) : "memory");
	table->RuntimeServices->Hdr.CRC32 = 0;
	return table->BootServices->CalculateCrc32(table->RuntimeServices, table->RuntimeServices->Hdr.HeaderSize,
						   &table->RuntimeServices->Hdr.CRC32);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	static CHAR16 command[] = COMMAND;
	EFI_LOADED_IMAGE *self, *kernel;
	EFI_DEVICE_PATH *path;
	EFI_HANDLE started;
	EFI_STATUS status;

	InitializeLib(image, table);
	status = install(table);
	Print(L"firmware: %r\n", status);
	table->BootServices->HandleProtocol(image, &LoadedImageProtocol, (VOID **)&self);
	path = FileDevicePath(self->DeviceHandle, L"\\vmlinuz.efi");
	status = table->BootServices->LoadImage(FALSE, image, path, NULL, 0, &started);
	Print(L"kernel: %r\n", status);
	if (EFI_ERROR(status))
		return status;
	table->BootServices->HandleProtocol(started, &LoadedImageProtocol, (VOID **)&kernel);
	kernel->LoadOptions = command;
	kernel->LoadOptionsSize = sizeof(command);
	return table->BootServices->StartImage(started, NULL, NULL);
}
