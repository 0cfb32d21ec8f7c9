//! The classes of failures.

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident $slug:literal)*) => {
        /// What kind of failure it was. The slugs are a contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Class { $($(#[$doc])* $name),* }
        impl Class {
            /// All of them.
            pub const ALL: &'static [Class] = &[$(Class::$name),*];
            /// The name in JSON.
            pub fn slug(self) -> &'static str {
                match self { $(Class::$name => $slug),* }
            }
        }
    };
}

classes! {
    /// An access through a pointer that is NULL, or near it.
    NullPointerDereference "null-pointer-dereference"
    /// A call through a pointer that is NULL.
    NullFunctionCall "null-function-call"
    /// An access to an object that was freed.
    UseAfterFree "use-after-free"
    /// A write past a buffer on the stack.
    StackBufferOverflow "stack-buffer-overflow"
    /// Tasks that wait for each other, or one for itself: none can ever go on.
    Deadlock "deadlock"
    /// Tasks that wait for too long, for something that is no circle.
    HungTask "hung-task"
    /// Somebody asked for the dump.
    RequestedCrash "requested-crash"
    /// Nothing that is known here.
    Unknown "unknown"
}
