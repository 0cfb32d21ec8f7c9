//! Logs in all their forms.
