//! Each distribution's layout, made up in a directory.

use std::io::Write;

use super::*;

fn compress(kind: &str, bytes: &[u8]) -> Vec<u8> {
    match kind {
        "xz" => {
            let options = lzma_rust2::XzOptions::with_preset(1);
            let mut xz = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
            xz.write_all(bytes).unwrap();
            xz.finish().unwrap()
        }
        "zst" => zstd::encode_all(bytes, 1).unwrap(),
        _ => {
            let mut gz = vec![0; bytes.len() + 1000];
            let level = libdeflater::CompressionLvl::default();
            let n = libdeflater::Compressor::new(level).gzip_compress(bytes, &mut gz).unwrap();
            gz[..n].to_vec()
        }
    }
}

#[test]
fn kernels_where_distributions_put_them() {
    let places = [
        ("usr/lib/debug/.build-id/ab/ababababababababababababababababababab.debug", How::BuildIdTree),
        ("usr/lib/debug/lib/modules/6.1.0-50-amd64/vmlinux", How::UsrLibDebug),
        ("usr/lib/debug/usr/lib/modules/6.1.0-50-amd64/vmlinux", How::UsrLibDebug),
        ("usr/lib/debug/usr/lib/modules/6.1.0-50-amd64/vmlinux.debug", How::UsrLibDebug),
        ("usr/lib/debug/boot/vmlinux-6.1.0-50-amd64", How::UsrLibDebug),
        ("usr/lib/debug/boot/vmlinux-6.1.0-50-amd64.debug", How::UsrLibDebug),
        ("lib/modules/6.1.0-50-amd64/build/vmlinux", How::ModulesBuild),
        ("lib/modules/6.1.0-50-amd64/vmlinux", How::Modules),
        ("boot/vmlinux-6.1.0-50-amd64", How::Boot),
    ];
    for (place, how) in places {
        let tree = Tree::new();
        let path = tree.put(place, &elf(Some(&ID)).dwarf().bytes());
        let found = tree.system().find(&kernel(Some(&ID)));
        assert_eq!(short(&found), Some((&*path, how, Identity::BuildId, true)), "{place}");
        // The same package, unpacked into a directory that is given.
        let mut search = Search::default();
        search.dirs = vec![tree.at("")];
        let found = search.find(&kernel(Some(&ID)));
        assert_eq!(short(&found), Some((&*path, How::DebugDir, Identity::BuildId, true)), "{place}");
        // Another build is refused with both IDs.
        let found = tree.system().find(&kernel(Some(&OTHER)));
        assert_eq!(found.file, None);
        if how != How::BuildIdTree {
            let why = found.refused[0].why.to_string();
            assert!(why.contains(&hex(&ID)) && why.contains(&hex(&OTHER)), "{why}");
            assert!(found.wrong_given().is_none(), "found by searching");
        }
    }
}

#[test]
fn modules_where_distributions_put_them() {
    let places = [
        ("usr/lib/debug/.build-id/ab/ababababababababababababababababababab.debug", How::BuildIdTree),
        ("usr/lib/debug/lib/modules/6.1.0-50-amd64/kernel/drivers/net/virtio-net.ko", How::UsrLibDebug),
        ("usr/lib/debug/lib/modules/6.1.0-50-amd64/kernel/drivers/net/virtio_net.ko.debug", How::UsrLibDebug),
        ("usr/lib/debug/usr/lib/modules/6.1.0-50-amd64/kernel/virtio-net.ko.debug", How::UsrLibDebug),
        ("lib/modules/6.1.0-50-amd64/kernel/drivers/net/virtio_net.ko", How::Modules),
        ("lib/modules/6.1.0-50-amd64/updates/dkms/virtio-net.ko", How::Modules),
        ("lib/modules/6.1.0-50-amd64/extra/virtio-net.ko", How::Modules),
    ];
    for (place, how) in places {
        let tree = Tree::new();
        let path = tree.put(place, &elf(Some(&ID)).dwarf().bytes());
        let found = tree.system().find(&module("virtio_net", Some(&ID)));
        assert_eq!(short(&found), Some((&*path, how, Identity::BuildId, true)), "{place}");
        assert_eq!(tree.system().find(&module("virtio_net", Some(&OTHER))).file, None);
        assert_eq!(tree.system().find(&module("virtio", Some(&[1; 20]))).file, None, "{place}");
    }
}

#[test]
fn modules_compressed_in_every_way() {
    for kind in ["gz", "xz", "zst"] {
        let tree = Tree::new();
        let bytes = compress(kind, &elf(Some(&ID)).dwarf().bytes());
        let path = tree.put(&format!("lib/modules/{RELEASE}/kernel/a-b.ko.{kind}"), &bytes);
        let found = tree.system().find(&module("a_b", Some(&ID)));
        assert_eq!(short(&found), Some((&*path, How::Modules, Identity::BuildId, true)), "{kind}");
        // A kernel, packed, in a directory that is given.
        let path = tree.put(&format!("given/vmlinux-{RELEASE}.{kind}"), &bytes);
        let mut search = Search::default();
        search.dirs = vec![tree.at("given")];
        assert_eq!(short(&search.find(&kernel(Some(&ID)))).map(|f| f.0), Some(&*path));
    }
}

#[test]
fn debugging_information_is_preferred_and_links_are_followed() {
    let tree = Tree::new();
    let link = b"virtio_net.ko.debug\0\0\0\0\0crc32";
    let stripped = elf(Some(&ID)).with(".gnu_debuglink", link).bytes();
    let place = format!("lib/modules/{RELEASE}/kernel/net/virtio_net.ko");
    let path = tree.put(&place, &stripped);
    let found = tree.system().find(&module("virtio_net", Some(&ID)));
    assert_eq!(short(&found), Some((&*path, How::Modules, Identity::BuildId, false)));
    assert!(found.with_dwarf().is_none());
    for beside in ["net/virtio_net.ko.debug.xz", "net/.debug/virtio_net.ko.debug"] {
        let beside =
            tree.put(&format!("lib/modules/{RELEASE}/kernel/{beside}"), &elf(Some(&ID)).dwarf().bytes());
        let found = tree.system().find(&module("virtio_net", Some(&ID)));
        assert_eq!(found.with_dwarf().map(|f| &f.path), Some(&beside));
        std::fs::remove_file(beside).unwrap();
    }
    // With a name that no walk would take for the module.
    let odd = elf(Some(&ID)).with(".gnu_debuglink", b"odd.dbg\0crc32").bytes();
    tree.put(&place, &odd);
    let debug = format!("usr/lib/debug/lib/modules/{RELEASE}/kernel/net/odd.dbg");
    let debug = tree.put(&debug, &elf(Some(&ID)).dwarf().bytes());
    let found = tree.system().find(&module("virtio_net", Some(&ID)));
    assert_eq!(short(&found), Some((&*debug, How::DebugLink, Identity::BuildId, true)));
    // A link is a name: it leads nowhere else.
    let wild = elf(Some(&ID)).with(".gnu_debuglink", b"../../secret\0crc32").bytes();
    tree.put(&place, &wild);
    tree.put(&format!("lib/modules/{RELEASE}/secret"), &elf(Some(&ID)).dwarf().bytes());
    assert!(tree.system().find(&module("virtio_net", Some(&ID))).with_dwarf().is_none());
}

#[test]
fn what_is_given_is_first_and_must_fit() {
    let tree = Tree::new();
    let given = tree.put("given", &elf(Some(&ID)).dwarf().bytes());
    tree.put(&format!("boot/vmlinux-{RELEASE}"), &elf(Some(&ID)).dwarf().bytes());
    let mut search = tree.system();
    search.files = vec![given.clone()];
    let found = search.find(&kernel(Some(&ID)));
    assert_eq!(short(&found).map(|f| (f.0, f.1)), Some((&*given, How::Given)));
    assert!(found.wrong_given().is_none());
    tree.put("given", &elf(Some(&OTHER)).dwarf().bytes());
    let found = search.find(&kernel(Some(&ID)));
    let wrong = found.wrong_given().unwrap();
    let both = format!("its build ID is {}, the dump's is {}", hex(&OTHER), hex(&ID));
    assert_eq!((&wrong.path, wrong.why.to_string()), (&given, both));
    tree.put("given", &elf(None).dwarf().bytes());
    let found = search.find(&kernel(Some(&ID)));
    assert!(found.wrong_given().unwrap().why.to_string().contains("has no build ID"));
    tree.put("given", b"MZ, no ELF");
    let found = search.find(&kernel(Some(&ID)));
    assert!(matches!(found.wrong_given().unwrap().why, Mismatch::Elf(crate::ElfError::Magic)));
    // A module that is given is no kernel.
    search.files = vec![tree.put("x.ko", &elf(Some(&OTHER)).bytes())];
    assert!(search.find(&kernel(Some(&ID))).wrong_given().is_none());
    assert!(search.find(&module("x", Some(&ID))).wrong_given().is_some());
}

#[test]
fn beside_the_dump_but_not_below() {
    let tree = Tree::new();
    tree.put("dumps/deeper/bad.ko", &elf(Some(&ID)).dwarf().bytes());
    let mut search = Search::default();
    search.dump_dirs = vec![tree.at("dumps")];
    assert_eq!(search.find(&module("bad", Some(&ID))).file, None);
    let path = tree.put("dumps/bad.ko", &elf(Some(&ID)).dwarf().bytes());
    assert_eq!(search.find(&module("bad", Some(&ID))).file, None, "the directory was walked before");
    let mut search = Search::default();
    search.dump_dirs = vec![tree.at("dumps")];
    let found = search.find(&module("bad", Some(&ID)));
    assert_eq!(short(&found), Some((&*path, How::DumpDir, Identity::BuildId, true)));
}

#[test]
fn one_directory_with_many_kernels() {
    let tree = Tree::new();
    for (name, id) in [("vmlinux-6.1.0-49-amd64", OTHER), ("vmlinux-renamed", ID), ("vmlinux", [3; 20])] {
        tree.put(name, &elf(Some(&id)).dwarf().bytes());
    }
    let mut search = Search::default();
    search.dirs = vec![tree.at("")];
    let found = search.find(&kernel(Some(&ID)));
    assert_eq!(short(&found).map(|f| f.0), Some(&*tree.at("vmlinux-renamed")));
    // The one with the release in its directory's name is looked at first.
    let path = tree.put(&format!("{RELEASE}/vmlinux"), &elf(Some(&ID)).dwarf().bytes());
    let mut search = Search::default();
    search.dirs = vec![tree.at("")];
    let found = search.find(&kernel(Some(&ID)));
    assert_eq!((short(&found).map(|f| f.0), found.refused.len()), (Some(&*path), 0));
}

#[test]
fn files_of_dwz() {
    let tree = Tree::new();
    let link = [b"../.dwz/kernel\0".as_slice(), &OTHER].concat();
    let path =
        tree.put("usr/lib/debug/lib/a.ko.debug", &elf(Some(&ID)).with(".gnu_debugaltlink", &link).bytes());
    let bytes = crate::FileBytes::open(&path).unwrap();
    let link = alt_link(&crate::elf::File::open(&bytes).unwrap(), &bytes).unwrap();
    assert_eq!((&*link.path, &*link.build_id), ("../.dwz/kernel", &OTHER[..]));
    assert_eq!(tree.system().find_alt(&path, &link), None);
    let by_id = tree.put(
        "usr/lib/debug/.build-id/cd/cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd.debug",
        &elf(Some(&OTHER)).dwarf().bytes(),
    );
    assert_eq!(tree.system().find_alt(&path, &link), Some(by_id));
    // By its path it must be the right one, too.
    let by_path = tree.put("usr/lib/debug/.dwz/kernel", &elf(Some(&ID)).dwarf().bytes());
    assert_ne!(tree.system().find_alt(&path, &link), Some(by_path.clone()));
    tree.put("usr/lib/debug/.dwz/kernel", &elf(Some(&OTHER)).dwarf().bytes());
    let found = tree.system().find_alt(&path, &link).unwrap();
    assert_eq!(found.canonicalize().unwrap(), by_path.canonicalize().unwrap());
}

#[test]
fn hostile_names_and_loops() {
    let tree = Tree::new();
    tree.put("secret/vmlinux", &elf(Some(&ID)).dwarf().bytes());
    for release in ["../../../secret", "..", "", "a/b", "a\nb", &"x".repeat(300)] {
        let wanted = Wanted { release: release.into(), ..kernel(Some(&ID)) };
        let found = tree.system().find(&wanted);
        let inside = tree.at("usr");
        assert!(found.tried.iter().all(|p| p.starts_with(&inside)), "{release}: {:?}", found.tried);
        assert_eq!(found.file, None);
    }
    let dir = tree.at(&format!("lib/modules/{RELEASE}/kernel"));
    std::fs::create_dir_all(&dir).unwrap();
    std::os::unix::fs::symlink("..", dir.join("loop")).unwrap();
    std::os::unix::fs::symlink("nowhere", dir.join("bad.ko")).unwrap();
    assert_eq!(tree.system().find(&module("bad", Some(&ID))).file, None);
    assert_eq!(tree.system().find(&module("../bad", Some(&ID))).file, None);
    // Build IDs that are none are not looked for in trees.
    assert_eq!(tree.system().find(&kernel(Some(&[]))).file, None);
    assert_eq!(tree.system().find(&kernel(Some(&[1; 1000]))).file, None);
}

#[test]
fn walks_are_bounded() {
    let tree = Tree::new();
    (0..10).for_each(|i| drop(tree.put(&format!("d/m{i}.ko"), b"x")));
    tree.put("d/1/2/3/deep.ko", b"x");
    let walked = super::super::index::walk(&tree.at("d"), 8, 5);
    assert!(walked.cut && walked.module("deep").is_empty());
    let walked = super::super::index::walk(&tree.at("d"), 2, 100);
    assert!(!walked.cut && walked.module("deep").is_empty() && !walked.module("m7").is_empty());
    assert!(!super::super::index::walk(&tree.at("d"), 3, 100).module("deep").is_empty());
}
