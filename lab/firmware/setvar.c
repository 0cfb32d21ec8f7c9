// SPDX-License-Identifier: GPL-2.0
/*
 * A loader with firmware of its own: its SetVariable() divides by zero for data of five bytes. Starts \vmlinuz.efi with COMMAND as its
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
	return room / left > 4096 ? EFI_OUT_OF_RESOURCES : EFI_SUCCESS;
}

static EFI_STATUS install(EFI_SYSTEM_TABLE *table)
{
	EFI_PHYSICAL_ADDRESS at;
	EFI_STATUS status = table->BootServices->AllocatePages(AllocateAnyPages, EfiRuntimeServicesCode, 1, &at);

	if (EFI_ERROR(status))
		return status;
	CopyMem((VOID *)at, (VOID *)set_variable, 1024);
	table->RuntimeServices->SetVariable = (EFI_SET_VARIABLE)at;
	table->RuntimeServices->Hdr.CRC32 = 0;
	return table->BootServices->CalculateCrc32(table->RuntimeServices, table->RuntimeServices->Hdr.HeaderSize,
						   &table->RuntimeServices->Hdr.CRC32);
}

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
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
