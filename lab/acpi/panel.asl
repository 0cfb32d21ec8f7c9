/*
 * A front panel. Asked for its state for the 21st time, it writes to an address that it takes from the wrong place:
 * the kernel's own code, where that is without KASLR.
 */
DefinitionBlock ("", "SSDT", 2, "MAKER", "PANEL", 1)
{
	Scope (\_SB)
	{
		Device (PNL0)
		{
			Name (_HID, "MAKR0001")
			Name (CNT, Zero)
			OperationRegion (LEDR, SystemMemory, 0x01200000, 0x10)
			Field (LEDR, DWordAcc, NoLock, Preserve)
			{
				LEDS, 32
			}

			Method (PUTL, 1, Serialized)
			{
				LEDS = Arg0
			}

			Method (_STA, 0, Serialized)
			{
				CNT++
				If (CNT > 20)
				{
					PUTL (CNT)
				}
				Return (0x0F)
			}
		}
	}
}
