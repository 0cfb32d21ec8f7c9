//! Kernel log text to records and reports
