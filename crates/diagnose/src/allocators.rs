//! The allocators' functions by name, in all kernels from 4.19 to 7.2. They do what they are told, with memory that others spoilt.

/// Beginnings of names of functions that give out slab objects.
const ALLOCATE: &[&str] = &[
    "kmem_cache_alloc",
    "kmem_cache_zalloc",
    "__kmem_cache_alloc",
    "kmalloc",
    "__kmalloc",
    "__do_kmalloc",
    "kvmalloc",
    "__kvmalloc",
    "__slab_alloc",
    "___slab_alloc",
    "slab_alloc",
    "__slab_alloc_node",
    "get_partial",
    "get_from_partial",
    "get_freepointer",
    "get_freelist",
    "slab_post_alloc_hook",
    "slab_pre_alloc_hook",
    "alloc_from_pcs",
    "alloc_single_from",
    "alloc_from_new_slab",
    "alloc_debug_processing",
    "refill_objects",
    "refill_sheaf",
    "__refill_objects",
    "__pcs_replace_empty_main",
    "krealloc",
    "__krealloc",
    "kmemdup",
    "kstrdup",
    "kasprintf",
    "kvasprintf",
    "memdup_user",
    "vmemdup_user",
];
/// The same of those that take them back.
const FREE: &[&str] = &[
    "kfree",
    "kvfree",
    "kmem_cache_free",
    "__kmem_cache_free",
    "___cache_free",
    "__cache_free",
    "slab_free",
    "__slab_free",
    "do_slab_free",
    "free_to_pcs",
    "free_to_partial_list",
    "free_debug_processing",
    "free_consistency_checks",
    "set_freepointer",
    "slab_free_freelist_hook",
    "slab_free_hook",
    "build_detached_freelist",
    "free_large_kmalloc",
    "rcu_free_sheaf",
    "__rcu_free_sheaf",
    "__kfree_rcu_sheaf",
    "krealloc",
    "__check_heap_object",
];
/// The same of those that look whether all is well.
const CHECK: &[&str] = &[
    "check_object",
    "check_slab",
    "check_bytes_and_report",
    "check_pad_bytes",
    "check_valid_pointer",
    "on_freelist",
    "object_err",
    "slab_err",
    "__slab_err",
    "slab_bug",
    "slab_fix",
    "slab_pad_check",
    "print_trailer",
    "alloc_consistency_checks",
    "validate_slab",
];
/// The same of the page allocator's.
const PAGES: &[&str] = &[
    "alloc_page",
    "__alloc_page",
    "__alloc_pages",
    "alloc_frozen_pages",
    "__alloc_frozen_pages",
    "__folio_alloc",
    "folio_alloc",
    "vma_alloc_folio",
    "alloc_buddy",
    "get_page_from_freelist",
    "rmqueue",
    "__rmqueue",
    "prep_new_page",
    "check_new_page",
    "free_unref",
    "free_pcp",
    "free_pages",
    "__free_pages",
    "free_page_is_bad",
    "__free_one_page",
    "free_one_page",
    "free_frozen_page",
    "__free_frozen_page",
    "__put_page",
    "__folio_put",
    "get_zeroed_page",
    "__get_free_page",
    "get_free_page",
    "bad_page",
    "check_free_page",
    "free_tail_page",
    "__free_pages_ok",
];

fn begins(name: &str, with: &[&str]) -> bool {
    with.iter().any(|w| name.starts_with(w))
}

/// Whether it gives out slab objects.
pub fn allocates(name: &str) -> bool {
    begins(name, ALLOCATE)
}

/// The same, and whether it touches nothing that it was given, as those that copy do.
pub fn only_allocates(name: &str) -> bool {
    allocates(name) && !["dup", "printf", "realloc"].iter().any(|word| name.contains(word))
}

/// Whether it takes slab objects back.
pub fn frees(name: &str) -> bool {
    begins(name, FREE)
}

/// Whether it is one of the slab allocator's functions.
pub fn is_slab(name: &str) -> bool {
    allocates(name) || frees(name) || checks(name)
}

/// Whether it looks whether slabs are well.
pub fn checks(name: &str) -> bool {
    begins(name, CHECK)
}

/// Whether it is one of the page allocator's functions.
pub fn is_pages(name: &str) -> bool {
    begins(name, PAGES)
}

/// Whether it is any allocator's.
pub fn is_allocator(name: &str) -> bool {
    is_slab(name) || is_pages(name)
}

/// Functions that give out objects of the cache that is their first argument.
pub const FROM_CACHE: &[&str] = &[
    "kmem_cache_alloc",
    "kmem_cache_alloc_noprof",
    "kmem_cache_alloc_node",
    "kmem_cache_alloc_node_noprof",
    "kmem_cache_alloc_lru",
    "kmem_cache_alloc_lru_noprof",
    "kmem_cache_alloc_bulk",
    "kmem_cache_alloc_bulk_noprof",
    "kmem_cache_alloc_trace",
    "kmem_cache_alloc_node_trace",
    "kmalloc_trace",
    "kmalloc_trace_noprof",
    "kmalloc_node_trace",
    "kmalloc_node_trace_noprof",
    "__kmalloc_cache_noprof",
    "__kmalloc_cache_node_noprof",
];

/// Functions that give out pages to whoever asks.
pub const GIVE_PAGES: &[&str] = &[
    "alloc_pages",
    "alloc_pages_noprof",
    "alloc_pages_current",
    "__alloc_pages",
    "__alloc_pages_noprof",
    "__alloc_pages_nodemask",
    "alloc_pages_exact",
    "alloc_pages_exact_noprof",
    "__get_free_pages",
    "get_free_pages_noprof",
    "get_zeroed_page",
    "get_zeroed_page_noprof",
    "__alloc_pages_bulk",
    "alloc_pages_bulk_noprof",
    "__folio_alloc",
    "__folio_alloc_noprof",
    "folio_alloc",
    "folio_alloc_noprof",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_kernels_are_known() {
        for name in
            ["kmem_cache_alloc_noprof", "__kmalloc_node_track_caller", "___slab_alloc", "kmalloc_trace"]
        {
            assert!(allocates(name) && is_slab(name) && is_allocator(name), "{name}");
        }
        assert!(frees("kmem_cache_free") && frees("__slab_free") && checks("check_bytes_and_report"));
        assert!(is_pages("get_page_from_freelist") && is_pages("bad_page"));
        for name in ["mbox_open", "tcp_sendmsg", "vfs_write", "kthread"] {
            assert!(!is_allocator(name), "{name}");
        }
    }
}
