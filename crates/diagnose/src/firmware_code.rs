//! Functions by which the kernel runs the firmware's code.

/// Functions that call UEFI (arch/x86/platform/efi, drivers/firmware/efi/runtime-wrappers.c).
const CALLS_SERVICES: &[&str] =
    &["__efi_call", "efi_call", "__efi64_thunk", "__efi_rt_asm_wrapper", "efi_call_rts"];
/// Functions that touch what a method of ACPI names (drivers/acpi/acpica/exregion.c, drivers/acpi/osl.c).
const TOUCHES: &[&str] = &[
    "acpi_ex_system_memory_space_handler",
    "acpi_ex_system_io_space_handler",
    "acpi_ex_data_table_space_handler",
    "acpi_os_read_memory",
    "acpi_os_write_memory",
    "acpi_os_read_port",
    "acpi_os_write_port",
];
/// Functions that begin to run a method (drivers/acpi/acpica/psxface.c, nseval.c, nsxfeval.c).
const RUNS: &[&str] = &["acpi_ps_execute_method", "acpi_ns_evaluate", "acpi_evaluate_object"];

/// Whether a function calls a runtime service of UEFI.
pub fn calls_services(name: &str) -> bool {
    CALLS_SERVICES.contains(&name)
}

/// Whether a function is called because a runtime service of UEFI faulted (arch/x86/platform/efi/quirks.c, since 4.20 by two names).
pub fn goes_on_without(name: &str) -> bool {
    matches!(name, "efi_crash_gracefully_on_page_fault" | "efi_recover_from_page_fault")
}

/// Whether a function only touches what a method of ACPI tells it to.
pub fn touches_for_method(name: &str) -> bool {
    TOUCHES.contains(&name)
}

/// Whether a function begins to run a method of ACPI.
pub fn runs_method(name: &str) -> bool {
    RUNS.contains(&name)
}
