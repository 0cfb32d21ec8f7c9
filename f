CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4413c0700      136          8        60      2     4k  ext4_groupinfo_1k
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd4413c1880     0      2        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4413c0000      632          0         0      0     8k  ovl_inode
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd4413c1c40     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4413c0f00      128         18       126      6     4k  bio-128
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd4413c1640     0      6        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c00b1180  ffff8cd442c46000     0     21         15     6
  FREE / [ALLOCATED]
  [ffff8cd442c46000]
  [ffff8cd442c460c0]
  [ffff8cd442c46180]
  [ffff8cd442c46240]
  [ffff8cd442c46300]
  [ffff8cd442c463c0]
  [ffff8cd442c46480]
  [ffff8cd442c46540]
  [ffff8cd442c46600]
  [ffff8cd442c466c0]
   ffff8cd442c46780
  [ffff8cd442c46840]
  [ffff8cd442c46900]
  [ffff8cd442c469c0]
   ffff8cd442c46a80
   ffff8cd442c46b40
   ffff8cd442c46c00
  [ffff8cd442c46cc0]
   ffff8cd442c46d80
  [ffff8cd442c46e40]
   ffff8cd442c46f00
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4413c0e00      336          0         0      0     4k  fsverity_info
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd4413c18c0     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4413c0c00      120          0         0      0     4k  fscrypt_inode_info
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd4413c1cc0     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4413c0d00     2136          0         0      0    32k  MPTCPv6
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd4413c1400     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4413c0100      392          0         0      0     8k  request_sock_subflow_v6
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd4413c1440     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4413c0400      184          0         0      0     4k  ip6-frags
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd4413c1200     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4413c0b00      224          1        64      4     4k  ip6_dst_cache
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd4413c1b40     0      4        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c00d0c80  ffff8cd443432000     0     16          0    16
  FREE / [ALLOCATED]
   ffff8cd443432000
   ffff8cd443432100
   ffff8cd443432200  (cpu 1 sheaf)
   ffff8cd443432300  (cpu 1 sheaf)
   ffff8cd443432400
   ffff8cd443432500
   ffff8cd443432600  (cpu 1 sheaf)
   ffff8cd443432700
   ffff8cd443432800  (cpu 1 sheaf)
   ffff8cd443432900
   ffff8cd443432a00  (cpu 1 sheaf)
   ffff8cd443432b00
   ffff8cd443432c00  (cpu 1 sheaf)
   ffff8cd443432d00  (cpu 1 sheaf)
   ffff8cd443432e00  (cpu 1 sheaf)
   ffff8cd443432f00
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4413c0600     1408          0         0      0    32k  PINGv6
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd4413c1580     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4413c0200     1408         12        46      2    32k  RAWv6
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd4413c1700     0      2        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c00d7e00  ffff8cd4435f8000     0     23          1    22
  FREE / [ALLOCATED]
   ffff8cd4435f8000
   ffff8cd4435f8580
   ffff8cd4435f8b00
   ffff8cd4435f9080
   ffff8cd4435f9600
   ffff8cd4435f9b80
   ffff8cd4435fa100
   ffff8cd4435fa680
   ffff8cd4435fac00
   ffff8cd4435fb180
   ffff8cd4435fb700
   ffff8cd4435fbc80
   ffff8cd4435fc200
   ffff8cd4435fc780
   ffff8cd4435fcd00
   ffff8cd4435fd280
  [ffff8cd4435fd800]
   ffff8cd4435fdd80
   ffff8cd4435fe300
   ffff8cd4435fe880
   ffff8cd4435fee00
   ffff8cd4435ff380
   ffff8cd4435ff900
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4413c0900     1472          1        22      1    32k  UDPv6
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd4413c1f00     0      1        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c00d8400  ffff8cd443610000     0     22          1    21
  FREE / [ALLOCATED]
   ffff8cd443610000  (cpu 1 sheaf)
   ffff8cd4436105c0  (cpu 1 sheaf)
   ffff8cd443610b80  (cpu 1 sheaf)
   ffff8cd443611140
   ffff8cd443611700
   ffff8cd443611cc0
  [ffff8cd443612280]
   ffff8cd443612840
   ffff8cd443612e00
   ffff8cd4436133c0  (cpu 1 sheaf)
   ffff8cd443613980
   ffff8cd443613f40  (cpu 1 sheaf)
   ffff8cd443614500
   ffff8cd443614ac0  (cpu 1 sheaf)
   ffff8cd443615080
   ffff8cd443615640  (cpu 1 sheaf)
   ffff8cd443615c00  (cpu 1 sheaf)
   ffff8cd4436161c0
   ffff8cd443616780  (cpu 1 sheaf)
   ffff8cd443616d40  (cpu 1 sheaf)
   ffff8cd443617300
   ffff8cd4436178c0  (cpu 1 sheaf)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4413c0a00      264          0         0      0     4k  tw_sock_TCPv6
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd4413c1180     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4413c0500      320          0         0      0     4k  request_sock_TCPv6
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd4413c1d80     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4424b3600     2560          1        12      1    32k  TCPv6
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fd40     0      1        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4424b3200      248          0         0      0     4k  io_kiocb
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f280     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4424b3900      256          4        36      3     4k  bio-256
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f680     0      3        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c0092e80  ffff8cd4424ba000     0     12          4     8
  FREE / [ALLOCATED]
  [ffff8cd4424ba000]
   ffff8cd4424ba140
   ffff8cd4424ba280
  [ffff8cd4424ba3c0]
   ffff8cd4424ba500
  [ffff8cd4424ba640]
   ffff8cd4424ba780
   ffff8cd4424ba8c0
   ffff8cd4424baa00
   ffff8cd4424bab40
  [ffff8cd4424bac80]
   ffff8cd4424badc0
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4424b3a00      880          2        36      2    16k  mqueue_inode_cache
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fdc0     0      2        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c0095c00  ffff8cd442570000     0     18          2    16
  FREE / [ALLOCATED]
   ffff8cd442570000  (cpu 1 sheaf)
   ffff8cd442570380
   ffff8cd442570700  (cpu 1 sheaf)
  [ffff8cd442570a80]
   ffff8cd442570e00
   ffff8cd442571180  (cpu 1 sheaf)
   ffff8cd442571500
   ffff8cd442571880
   ffff8cd442571c00
   ffff8cd442571f80  (cpu 1 sheaf)
   ffff8cd442572300
   ffff8cd442572680  (cpu 1 sheaf)
   ffff8cd442572a00  (cpu 1 sheaf)
  [ffff8cd442572d80]
   ffff8cd442573100
   ffff8cd442573480  (cpu 1 sheaf)
   ffff8cd442573800  (cpu 1 sheaf)
   ffff8cd442573b80
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4424b3500      176          0         0      0     4k  fuse_request
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f340     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4424b3800      792          0         0      0    16k  fuse_inode
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fd00     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4424b3300      192          2        63      3     4k  jbd2_transaction_s
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f6c0     0      3        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c0050740  ffff8cd44141d000     0     21          2    19
  FREE / [ALLOCATED]
  [ffff8cd44141d000]
   ffff8cd44141d0c0  (cpu 0 sheaf)
   ffff8cd44141d180  (cpu 0 sheaf)
   ffff8cd44141d240  (cpu 0 sheaf)
   ffff8cd44141d300  (cpu 0 sheaf)
   ffff8cd44141d3c0  (cpu 0 sheaf)
   ffff8cd44141d480  (cpu 0 sheaf)
   ffff8cd44141d540  (cpu 0 sheaf)
   ffff8cd44141d600  (cpu 0 sheaf)
   ffff8cd44141d6c0
   ffff8cd44141d780  (cpu 0 sheaf)
   ffff8cd44141d840  (cpu 0 sheaf)
  [ffff8cd44141d900]
   ffff8cd44141d9c0  (cpu 0 sheaf)
   ffff8cd44141da80
   ffff8cd44141db40  (cpu 0 sheaf)
   ffff8cd44141dc00  (cpu 0 sheaf)
   ffff8cd44141dcc0  (cpu 0 sheaf)
   ffff8cd44141dd80  (cpu 0 sheaf)
   ffff8cd44141de40
   ffff8cd44141df00  (cpu 0 sheaf)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4424b3700      112          9       136      4     4k  jbd2_journal_head
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fb80     0      4        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c0052780  ffff8cd44149e000     0     34          3    31
  FREE / [ALLOCATED]
   ffff8cd44149e000  (cpu 1 sheaf)
   ffff8cd44149e078  (cpu 1 sheaf)
   ffff8cd44149e0f0
   ffff8cd44149e168  (cpu 1 sheaf)
   ffff8cd44149e1e0  (cpu 1 sheaf)
   ffff8cd44149e258
   ffff8cd44149e2d0  (cpu 1 sheaf)
   ffff8cd44149e348  (cpu 1 sheaf)
   ffff8cd44149e3c0
   ffff8cd44149e438
   ffff8cd44149e4b0  (cpu 1 sheaf)
  [ffff8cd44149e528]
   ffff8cd44149e5a0
   ffff8cd44149e618
   ffff8cd44149e690
   ffff8cd44149e708
   ffff8cd44149e780
   ffff8cd44149e7f8
  [ffff8cd44149e870]
  [ffff8cd44149e8e8]
   ffff8cd44149e960
   ffff8cd44149e9d8  (cpu 1 sheaf)
   ffff8cd44149ea50
   ffff8cd44149eac8
   ffff8cd44149eb40  (cpu 1 sheaf)
   ffff8cd44149ebb8  (cpu 1 sheaf)
   ffff8cd44149ec30  (cpu 1 sheaf)
   ffff8cd44149eca8
   ffff8cd44149ed20
   ffff8cd44149ed98  (cpu 1 sheaf)
   ffff8cd44149ee10  (cpu 1 sheaf)
   ffff8cd44149ee88  (cpu 1 sheaf)
   ffff8cd44149ef00
   ffff8cd44149ef78  (cpu 1 sheaf)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4424b3000       16          2       256      1     4k  jbd2_revoke_table_s
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f4c0     0      1        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c0052700  ffff8cd44149c000     0    256          2   254
  FREE / [ALLOCATED]
   ffff8cd44149c000
   ffff8cd44149c010
   ffff8cd44149c020
   ffff8cd44149c030  (cpu 1 sheaf)
   ffff8cd44149c040
   ffff8cd44149c050
   ffff8cd44149c060
   ffff8cd44149c070
   ffff8cd44149c080
   ffff8cd44149c090
   ffff8cd44149c0a0
   ffff8cd44149c0b0
   ffff8cd44149c0c0
   ffff8cd44149c0d0
   ffff8cd44149c0e0
   ffff8cd44149c0f0
   ffff8cd44149c100  (cpu 1 sheaf)
   ffff8cd44149c110
   ffff8cd44149c120
   ffff8cd44149c130
   ffff8cd44149c140
   ffff8cd44149c150
   ffff8cd44149c160
   ffff8cd44149c170
   ffff8cd44149c180
   ffff8cd44149c190
   ffff8cd44149c1a0
   ffff8cd44149c1b0  (cpu 1 sheaf)
   ffff8cd44149c1c0
   ffff8cd44149c1d0
   ffff8cd44149c1e0
   ffff8cd44149c1f0
   ffff8cd44149c200
   ffff8cd44149c210
   ffff8cd44149c220  (cpu 1 sheaf)
   ffff8cd44149c230  (cpu 1 sheaf)
   ffff8cd44149c240
   ffff8cd44149c250
   ffff8cd44149c260
   ffff8cd44149c270
   ffff8cd44149c280
   ffff8cd44149c290
   ffff8cd44149c2a0  (cpu 1 sheaf)
   ffff8cd44149c2b0
   ffff8cd44149c2c0  (cpu 1 sheaf)
   ffff8cd44149c2d0
   ffff8cd44149c2e0
   ffff8cd44149c2f0
   ffff8cd44149c300
   ffff8cd44149c310
   ffff8cd44149c320
   ffff8cd44149c330
   ffff8cd44149c340
   ffff8cd44149c350  (cpu 1 sheaf)
   ffff8cd44149c360
   ffff8cd44149c370  (cpu 1 sheaf)
   ffff8cd44149c380  (cpu 1 sheaf)
   ffff8cd44149c390  (cpu 1 sheaf)
   ffff8cd44149c3a0
   ffff8cd44149c3b0
   ffff8cd44149c3c0
   ffff8cd44149c3d0  (cpu 1 sheaf)
   ffff8cd44149c3e0
   ffff8cd44149c3f0  (cpu 1 sheaf)
   ffff8cd44149c400
   ffff8cd44149c410
   ffff8cd44149c420
   ffff8cd44149c430
   ffff8cd44149c440  (cpu 1 sheaf)
   ffff8cd44149c450
   ffff8cd44149c460  (cpu 1 sheaf)
   ffff8cd44149c470
   ffff8cd44149c480
   ffff8cd44149c490
   ffff8cd44149c4a0
   ffff8cd44149c4b0
   ffff8cd44149c4c0
   ffff8cd44149c4d0
   ffff8cd44149c4e0
   ffff8cd44149c4f0
   ffff8cd44149c500
   ffff8cd44149c510
   ffff8cd44149c520
   ffff8cd44149c530
   ffff8cd44149c540
   ffff8cd44149c550
   ffff8cd44149c560
   ffff8cd44149c570
   ffff8cd44149c580
   ffff8cd44149c590
   ffff8cd44149c5a0
   ffff8cd44149c5b0
   ffff8cd44149c5c0
   ffff8cd44149c5d0  (cpu 1 sheaf)
   ffff8cd44149c5e0
   ffff8cd44149c5f0
   ffff8cd44149c600  (cpu 1 sheaf)
   ffff8cd44149c610
   ffff8cd44149c620  (cpu 1 sheaf)
   ffff8cd44149c630
   ffff8cd44149c640  (cpu 1 sheaf)
   ffff8cd44149c650
   ffff8cd44149c660
   ffff8cd44149c670  (cpu 1 sheaf)
   ffff8cd44149c680
   ffff8cd44149c690
   ffff8cd44149c6a0
   ffff8cd44149c6b0
   ffff8cd44149c6c0  (cpu 1 sheaf)
   ffff8cd44149c6d0  (cpu 1 sheaf)
   ffff8cd44149c6e0
   ffff8cd44149c6f0
   ffff8cd44149c700
   ffff8cd44149c710
   ffff8cd44149c720
   ffff8cd44149c730
   ffff8cd44149c740  (cpu 1 sheaf)
   ffff8cd44149c750
   ffff8cd44149c760  (cpu 1 sheaf)
   ffff8cd44149c770
   ffff8cd44149c780  (cpu 1 sheaf)
   ffff8cd44149c790  (cpu 1 sheaf)
   ffff8cd44149c7a0
   ffff8cd44149c7b0
   ffff8cd44149c7c0
   ffff8cd44149c7d0  (cpu 1 sheaf)
   ffff8cd44149c7e0
   ffff8cd44149c7f0
   ffff8cd44149c800  (cpu 1 sheaf)
   ffff8cd44149c810  (cpu 1 sheaf)
   ffff8cd44149c820
   ffff8cd44149c830
   ffff8cd44149c840
   ffff8cd44149c850
   ffff8cd44149c860
   ffff8cd44149c870  (cpu 1 sheaf)
   ffff8cd44149c880
   ffff8cd44149c890
   ffff8cd44149c8a0
   ffff8cd44149c8b0  (cpu 1 sheaf)
   ffff8cd44149c8c0
   ffff8cd44149c8d0
   ffff8cd44149c8e0  (cpu 1 sheaf)
   ffff8cd44149c8f0  (cpu 1 sheaf)
   ffff8cd44149c900
   ffff8cd44149c910
   ffff8cd44149c920
   ffff8cd44149c930
   ffff8cd44149c940
   ffff8cd44149c950  (cpu 1 sheaf)
   ffff8cd44149c960
   ffff8cd44149c970
   ffff8cd44149c980
   ffff8cd44149c990  (cpu 1 sheaf)
   ffff8cd44149c9a0
   ffff8cd44149c9b0
   ffff8cd44149c9c0
   ffff8cd44149c9d0  (cpu 1 sheaf)
   ffff8cd44149c9e0
   ffff8cd44149c9f0
   ffff8cd44149ca00  (cpu 1 sheaf)
   ffff8cd44149ca10
   ffff8cd44149ca20
   ffff8cd44149ca30
   ffff8cd44149ca40
   ffff8cd44149ca50
   ffff8cd44149ca60
   ffff8cd44149ca70
   ffff8cd44149ca80  (cpu 1 sheaf)
   ffff8cd44149ca90
   ffff8cd44149caa0
   ffff8cd44149cab0
   ffff8cd44149cac0
   ffff8cd44149cad0
   ffff8cd44149cae0  (cpu 1 sheaf)
   ffff8cd44149caf0
   ffff8cd44149cb00
   ffff8cd44149cb10
   ffff8cd44149cb20
   ffff8cd44149cb30
   ffff8cd44149cb40
   ffff8cd44149cb50
   ffff8cd44149cb60
   ffff8cd44149cb70
   ffff8cd44149cb80
   ffff8cd44149cb90
   ffff8cd44149cba0
   ffff8cd44149cbb0  (cpu 1 sheaf)
   ffff8cd44149cbc0
   ffff8cd44149cbd0
   ffff8cd44149cbe0
   ffff8cd44149cbf0
   ffff8cd44149cc00
   ffff8cd44149cc10
   ffff8cd44149cc20
   ffff8cd44149cc30
  [ffff8cd44149cc40]
   ffff8cd44149cc50
   ffff8cd44149cc60
   ffff8cd44149cc70
   ffff8cd44149cc80
   ffff8cd44149cc90
   ffff8cd44149cca0
   ffff8cd44149ccb0
   ffff8cd44149ccc0  (cpu 1 sheaf)
   ffff8cd44149ccd0  (cpu 1 sheaf)
   ffff8cd44149cce0
   ffff8cd44149ccf0  (cpu 1 sheaf)
   ffff8cd44149cd00  (cpu 1 sheaf)
   ffff8cd44149cd10  (cpu 1 sheaf)
   ffff8cd44149cd20
   ffff8cd44149cd30
   ffff8cd44149cd40
   ffff8cd44149cd50
   ffff8cd44149cd60
   ffff8cd44149cd70  (cpu 1 sheaf)
   ffff8cd44149cd80
   ffff8cd44149cd90
   ffff8cd44149cda0
   ffff8cd44149cdb0  (cpu 1 sheaf)
   ffff8cd44149cdc0
   ffff8cd44149cdd0
   ffff8cd44149cde0
   ffff8cd44149cdf0  (cpu 1 sheaf)
   ffff8cd44149ce00
   ffff8cd44149ce10  (cpu 1 sheaf)
   ffff8cd44149ce20  (cpu 1 sheaf)
   ffff8cd44149ce30
   ffff8cd44149ce40
  [ffff8cd44149ce50]
   ffff8cd44149ce60
   ffff8cd44149ce70  (cpu 1 sheaf)
   ffff8cd44149ce80  (cpu 1 sheaf)
   ffff8cd44149ce90  (cpu 1 sheaf)
   ffff8cd44149cea0  (cpu 1 sheaf)
   ffff8cd44149ceb0
   ffff8cd44149cec0
   ffff8cd44149ced0
   ffff8cd44149cee0  (cpu 1 sheaf)
   ffff8cd44149cef0
   ffff8cd44149cf00
   ffff8cd44149cf10
   ffff8cd44149cf20  (cpu 1 sheaf)
   ffff8cd44149cf30
   ffff8cd44149cf40
   ffff8cd44149cf50
   ffff8cd44149cf60  (cpu 1 sheaf)
   ffff8cd44149cf70
   ffff8cd44149cf80
   ffff8cd44149cf90
   ffff8cd44149cfa0
   ffff8cd44149cfb0
   ffff8cd44149cfc0
   ffff8cd44149cfd0
   ffff8cd44149cfe0
   ffff8cd44149cff0  (cpu 1 sheaf)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4424b3f00       48          0         0      0     4k  ext4_fc_range
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fac0     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4424b3e00      104          0         0      0     4k  ext4_fc_dentry_update
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f240     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4424b3c00     1072          9        30      2    16k  ext4_inode_cache
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f540     0      2        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c0056100  ffff8cd441584000     0     15          3    12
  FREE / [ALLOCATED]
   ffff8cd441584000  (cpu 0 sheaf)
  [ffff8cd441584430]
   ffff8cd441584860  (cpu 0 sheaf)
   ffff8cd441584c90
   ffff8cd4415850c0
  [ffff8cd4415854f0]
   ffff8cd441585920
   ffff8cd441585d50  (cpu 0 sheaf)
   ffff8cd441586180  (cpu 0 sheaf)
   ffff8cd4415865b0  (cpu 0 sheaf)
  [ffff8cd4415869e0]
   ffff8cd441586e10  (cpu 0 sheaf)
   ffff8cd441587240
   ffff8cd441587670
   ffff8cd441587aa0
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4424b3d00      168          0        72      3     4k  ext4_allocation_context
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fa80     0      3        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c0057f00  ffff8cd4415fc000     0     24          0    24
  FREE / [ALLOCATED]
   ffff8cd4415fc000  (cpu 0 sheaf)
   ffff8cd4415fc0a8
   ffff8cd4415fc150  (cpu 0 sheaf)
   ffff8cd4415fc1f8
   ffff8cd4415fc2a0
   ffff8cd4415fc348
   ffff8cd4415fc3f0  (cpu 0 sheaf)
   ffff8cd4415fc498
   ffff8cd4415fc540  (cpu 0 sheaf)
   ffff8cd4415fc5e8  (cpu 0 sheaf)
   ffff8cd4415fc690  (cpu 0 sheaf)
   ffff8cd4415fc738  (cpu 0 sheaf)
   ffff8cd4415fc7e0  (cpu 0 sheaf)
   ffff8cd4415fc888
   ffff8cd4415fc930  (cpu 0 sheaf)
   ffff8cd4415fc9d8
   ffff8cd4415fca80
   ffff8cd4415fcb28
   ffff8cd4415fcbd0  (cpu 0 sheaf)
   ffff8cd4415fcc78
   ffff8cd4415fcd20  (cpu 0 sheaf)
   ffff8cd4415fcdc8
   ffff8cd4415fce70  (cpu 0 sheaf)
   ffff8cd4415fcf18
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4424b3100      112          0        72      2     4k  ext4_prealloc_space
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193ffc0     0      2        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c0057f80  ffff8cd4415fe000     0     36          0    36
  FREE / [ALLOCATED]
   ffff8cd4415fe000  (cpu 0 sheaf)
   ffff8cd4415fe070  (cpu 0 sheaf)
   ffff8cd4415fe0e0  (cpu 0 sheaf)
   ffff8cd4415fe150  (cpu 0 sheaf)
   ffff8cd4415fe1c0  (cpu 0 sheaf)
   ffff8cd4415fe230
   ffff8cd4415fe2a0  (cpu 0 sheaf)
   ffff8cd4415fe310  (cpu 0 sheaf)
   ffff8cd4415fe380  (cpu 0 sheaf)
   ffff8cd4415fe3f0
   ffff8cd4415fe460
   ffff8cd4415fe4d0
   ffff8cd4415fe540  (cpu 0 sheaf)
   ffff8cd4415fe5b0
   ffff8cd4415fe620  (cpu 0 sheaf)
   ffff8cd4415fe690
   ffff8cd4415fe700  (cpu 0 sheaf)
   ffff8cd4415fe770  (cpu 0 sheaf)
   ffff8cd4415fe7e0  (cpu 0 sheaf)
   ffff8cd4415fe850
   ffff8cd4415fe8c0
   ffff8cd4415fe930  (cpu 0 sheaf)
   ffff8cd4415fe9a0  (cpu 0 sheaf)
   ffff8cd4415fea10  (cpu 0 sheaf)
   ffff8cd4415fea80  (cpu 0 sheaf)
   ffff8cd4415feaf0  (cpu 0 sheaf)
   ffff8cd4415feb60
   ffff8cd4415febd0
   ffff8cd4415fec40  (cpu 0 sheaf)
   ffff8cd4415fecb0  (cpu 0 sheaf)
   ffff8cd4415fed20  (cpu 0 sheaf)
   ffff8cd4415fed90  (cpu 0 sheaf)
   ffff8cd4415fee00
   ffff8cd4415fee70  (cpu 0 sheaf)
   ffff8cd4415feee0
   ffff8cd4415fef50  (cpu 0 sheaf)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4424b3400       32          0       128      1     4k  ext4_io_end_vec
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f980     0      1        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c00f41c0  ffff8cd443d07000     0    128          0   128
  FREE / [ALLOCATED]
   ffff8cd443d07000  (cpu 0 sheaf)
   ffff8cd443d07020
   ffff8cd443d07040  (cpu 0 sheaf)
   ffff8cd443d07060  (cpu 0 sheaf)
   ffff8cd443d07080  (cpu 0 sheaf)
   ffff8cd443d070a0  (cpu 0 sheaf)
   ffff8cd443d070c0
   ffff8cd443d070e0
   ffff8cd443d07100
   ffff8cd443d07120  (cpu 0 sheaf)
   ffff8cd443d07140
   ffff8cd443d07160
   ffff8cd443d07180  (cpu 0 sheaf)
   ffff8cd443d071a0
   ffff8cd443d071c0
   ffff8cd443d071e0
   ffff8cd443d07200  (cpu 0 sheaf)
   ffff8cd443d07220  (cpu 0 sheaf)
   ffff8cd443d07240
   ffff8cd443d07260
   ffff8cd443d07280  (cpu 0 sheaf)
   ffff8cd443d072a0
   ffff8cd443d072c0  (cpu 0 sheaf)
   ffff8cd443d072e0
   ffff8cd443d07300  (cpu 0 sheaf)
   ffff8cd443d07320
   ffff8cd443d07340
   ffff8cd443d07360  (cpu 0 sheaf)
   ffff8cd443d07380  (cpu 0 sheaf)
   ffff8cd443d073a0
   ffff8cd443d073c0
   ffff8cd443d073e0
   ffff8cd443d07400
   ffff8cd443d07420
   ffff8cd443d07440
   ffff8cd443d07460
   ffff8cd443d07480
   ffff8cd443d074a0
   ffff8cd443d074c0  (cpu 0 sheaf)
   ffff8cd443d074e0
   ffff8cd443d07500
   ffff8cd443d07520  (cpu 0 sheaf)
   ffff8cd443d07540  (cpu 0 sheaf)
   ffff8cd443d07560  (cpu 0 sheaf)
   ffff8cd443d07580  (cpu 0 sheaf)
   ffff8cd443d075a0
   ffff8cd443d075c0  (cpu 0 sheaf)
   ffff8cd443d075e0
   ffff8cd443d07600  (cpu 0 sheaf)
   ffff8cd443d07620
   ffff8cd443d07640
   ffff8cd443d07660  (cpu 0 sheaf)
   ffff8cd443d07680  (cpu 0 sheaf)
   ffff8cd443d076a0
   ffff8cd443d076c0  (cpu 0 sheaf)
   ffff8cd443d076e0  (cpu 0 sheaf)
   ffff8cd443d07700  (cpu 0 sheaf)
   ffff8cd443d07720  (cpu 0 sheaf)
   ffff8cd443d07740  (cpu 0 sheaf)
   ffff8cd443d07760  (cpu 0 sheaf)
   ffff8cd443d07780
   ffff8cd443d077a0
   ffff8cd443d077c0  (cpu 0 sheaf)
   ffff8cd443d077e0  (cpu 0 sheaf)
   ffff8cd443d07800
   ffff8cd443d07820
   ffff8cd443d07840  (cpu 0 sheaf)
   ffff8cd443d07860
   ffff8cd443d07880  (cpu 0 sheaf)
   ffff8cd443d078a0  (cpu 0 sheaf)
   ffff8cd443d078c0
   ffff8cd443d078e0  (cpu 0 sheaf)
   ffff8cd443d07900
   ffff8cd443d07920  (cpu 0 sheaf)
   ffff8cd443d07940
   ffff8cd443d07960  (cpu 0 sheaf)
   ffff8cd443d07980
   ffff8cd443d079a0
   ffff8cd443d079c0  (cpu 0 sheaf)
   ffff8cd443d079e0
   ffff8cd443d07a00  (cpu 0 sheaf)
   ffff8cd443d07a20  (cpu 0 sheaf)
   ffff8cd443d07a40  (cpu 0 sheaf)
   ffff8cd443d07a60
   ffff8cd443d07a80
   ffff8cd443d07aa0  (cpu 0 sheaf)
   ffff8cd443d07ac0  (cpu 0 sheaf)
   ffff8cd443d07ae0  (cpu 0 sheaf)
   ffff8cd443d07b00
   ffff8cd443d07b20  (cpu 0 sheaf)
   ffff8cd443d07b40
   ffff8cd443d07b60
   ffff8cd443d07b80
   ffff8cd443d07ba0
   ffff8cd443d07bc0  (cpu 0 sheaf)
   ffff8cd443d07be0
   ffff8cd443d07c00  (cpu 0 sheaf)
   ffff8cd443d07c20  (cpu 0 sheaf)
   ffff8cd443d07c40
   ffff8cd443d07c60
   ffff8cd443d07c80
   ffff8cd443d07ca0
   ffff8cd443d07cc0  (cpu 0 sheaf)
   ffff8cd443d07ce0
   ffff8cd443d07d00  (cpu 0 sheaf)
   ffff8cd443d07d20
   ffff8cd443d07d40  (cpu 0 sheaf)
   ffff8cd443d07d60  (cpu 0 sheaf)
   ffff8cd443d07d80
   ffff8cd443d07da0
   ffff8cd443d07dc0  (cpu 0 sheaf)
   ffff8cd443d07de0
   ffff8cd443d07e00
   ffff8cd443d07e20
   ffff8cd443d07e40
   ffff8cd443d07e60
   ffff8cd443d07e80  (cpu 0 sheaf)
   ffff8cd443d07ea0
   ffff8cd443d07ec0
   ffff8cd443d07ee0
   ffff8cd443d07f00
   ffff8cd443d07f20  (cpu 0 sheaf)
   ffff8cd443d07f40  (cpu 0 sheaf)
   ffff8cd443d07f60  (cpu 0 sheaf)
   ffff8cd443d07f80  (cpu 0 sheaf)
   ffff8cd443d07fa0  (cpu 0 sheaf)
   ffff8cd443d07fc0  (cpu 0 sheaf)
   ffff8cd443d07fe0
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd4424b3b00       64          0        64      1     4k  ext4_io_end
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f480     0      1        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c0057e40  ffff8cd4415f9000     0     64          0    64
  FREE / [ALLOCATED]
   ffff8cd4415f9000  (cpu 0 sheaf)
   ffff8cd4415f9040  (cpu 0 sheaf)
   ffff8cd4415f9080  (cpu 0 sheaf)
   ffff8cd4415f90c0  (cpu 0 sheaf)
   ffff8cd4415f9100  (cpu 0 sheaf)
   ffff8cd4415f9140  (cpu 0 sheaf)
   ffff8cd4415f9180  (cpu 0 sheaf)
   ffff8cd4415f91c0  (cpu 0 sheaf)
   ffff8cd4415f9200  (cpu 0 sheaf)
   ffff8cd4415f9240  (cpu 0 sheaf)
   ffff8cd4415f9280  (cpu 0 sheaf)
   ffff8cd4415f92c0  (cpu 0 sheaf)
   ffff8cd4415f9300  (cpu 0 sheaf)
   ffff8cd4415f9340  (cpu 0 sheaf)
   ffff8cd4415f9380  (cpu 0 sheaf)
   ffff8cd4415f93c0  (cpu 0 sheaf)
   ffff8cd4415f9400  (cpu 0 sheaf)
   ffff8cd4415f9440  (cpu 0 sheaf)
   ffff8cd4415f9480  (cpu 0 sheaf)
   ffff8cd4415f94c0  (cpu 0 sheaf)
   ffff8cd4415f9500  (cpu 0 sheaf)
   ffff8cd4415f9540  (cpu 0 sheaf)
   ffff8cd4415f9580  (cpu 0 sheaf)
   ffff8cd4415f95c0  (cpu 0 sheaf)
   ffff8cd4415f9600  (cpu 0 sheaf)
   ffff8cd4415f9640  (cpu 0 sheaf)
   ffff8cd4415f9680  (cpu 0 sheaf)
   ffff8cd4415f96c0  (cpu 0 sheaf)
   ffff8cd4415f9700  (cpu 0 sheaf)
   ffff8cd4415f9740  (cpu 0 sheaf)
   ffff8cd4415f9780  (cpu 0 sheaf)
   ffff8cd4415f97c0
   ffff8cd4415f9800  (cpu 0 sheaf)
   ffff8cd4415f9840  (cpu 0 sheaf)
   ffff8cd4415f9880  (cpu 0 sheaf)
   ffff8cd4415f98c0  (cpu 0 sheaf)
   ffff8cd4415f9900
   ffff8cd4415f9940  (cpu 0 sheaf)
   ffff8cd4415f9980  (cpu 0 sheaf)
   ffff8cd4415f99c0  (cpu 0 sheaf)
   ffff8cd4415f9a00  (cpu 0 sheaf)
   ffff8cd4415f9a40  (cpu 0 sheaf)
   ffff8cd4415f9a80  (cpu 0 sheaf)
   ffff8cd4415f9ac0  (cpu 0 sheaf)
   ffff8cd4415f9b00  (cpu 0 sheaf)
   ffff8cd4415f9b40  (cpu 0 sheaf)
   ffff8cd4415f9b80  (cpu 0 sheaf)
   ffff8cd4415f9bc0  (cpu 0 sheaf)
   ffff8cd4415f9c00  (cpu 0 sheaf)
   ffff8cd4415f9c40  (cpu 0 sheaf)
   ffff8cd4415f9c80  (cpu 0 sheaf)
   ffff8cd4415f9cc0  (cpu 0 sheaf)
   ffff8cd4415f9d00  (cpu 0 sheaf)
   ffff8cd4415f9d40  (cpu 0 sheaf)
   ffff8cd4415f9d80  (cpu 0 sheaf)
   ffff8cd4415f9dc0  (cpu 0 sheaf)
   ffff8cd4415f9e00  (cpu 0 sheaf)
   ffff8cd4415f9e40
   ffff8cd4415f9e80  (cpu 0 sheaf)
   ffff8cd4415f9ec0  (cpu 0 sheaf)
   ffff8cd4415f9f00  (cpu 0 sheaf)
   ffff8cd4415f9f40  (cpu 0 sheaf)
   ffff8cd4415f9f80  (cpu 0 sheaf)
   ffff8cd4415f9fc0
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441f7f100       32          0         0      0     4k  pending_reservation
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fa00     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441f7f400       40         11       204      2     4k  extent_status
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fe80     0      2        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c0050640  ffff8cd441419000     0    102          3    99
  FREE / [ALLOCATED]
   ffff8cd441419000
   ffff8cd441419028
   ffff8cd441419050  (cpu 0 sheaf)
   ffff8cd441419078
   ffff8cd4414190a0
   ffff8cd4414190c8
   ffff8cd4414190f0
   ffff8cd441419118
   ffff8cd441419140  (cpu 0 sheaf)
   ffff8cd441419168
   ffff8cd441419190
   ffff8cd4414191b8
   ffff8cd4414191e0
   ffff8cd441419208
   ffff8cd441419230  (cpu 0 sheaf)
   ffff8cd441419258
   ffff8cd441419280
   ffff8cd4414192a8  (cpu 0 sheaf)
   ffff8cd4414192d0
   ffff8cd4414192f8
   ffff8cd441419320
   ffff8cd441419348  (cpu 0 sheaf)
   ffff8cd441419370  (cpu 0 sheaf)
   ffff8cd441419398
   ffff8cd4414193c0
   ffff8cd4414193e8
   ffff8cd441419410
   ffff8cd441419438
   ffff8cd441419460
   ffff8cd441419488
   ffff8cd4414194b0
   ffff8cd4414194d8
   ffff8cd441419500
   ffff8cd441419528
   ffff8cd441419550
   ffff8cd441419578
   ffff8cd4414195a0
   ffff8cd4414195c8
   ffff8cd4414195f0
   ffff8cd441419618
  [ffff8cd441419640]
   ffff8cd441419668
   ffff8cd441419690
   ffff8cd4414196b8  (cpu 0 sheaf)
   ffff8cd4414196e0
   ffff8cd441419708
   ffff8cd441419730
   ffff8cd441419758
   ffff8cd441419780
   ffff8cd4414197a8
   ffff8cd4414197d0  (cpu 0 sheaf)
   ffff8cd4414197f8
   ffff8cd441419820
   ffff8cd441419848  (cpu 0 sheaf)
   ffff8cd441419870
   ffff8cd441419898
   ffff8cd4414198c0  (cpu 0 sheaf)
   ffff8cd4414198e8
   ffff8cd441419910
   ffff8cd441419938
   ffff8cd441419960
   ffff8cd441419988
   ffff8cd4414199b0
  [ffff8cd4414199d8]
   ffff8cd441419a00
   ffff8cd441419a28
   ffff8cd441419a50
   ffff8cd441419a78
   ffff8cd441419aa0
   ffff8cd441419ac8
   ffff8cd441419af0
   ffff8cd441419b18  (cpu 0 sheaf)
   ffff8cd441419b40
   ffff8cd441419b68  (cpu 0 sheaf)
   ffff8cd441419b90
   ffff8cd441419bb8
   ffff8cd441419be0
   ffff8cd441419c08
   ffff8cd441419c30  (cpu 0 sheaf)
   ffff8cd441419c58
   ffff8cd441419c80
   ffff8cd441419ca8
   ffff8cd441419cd0
   ffff8cd441419cf8
   ffff8cd441419d20
   ffff8cd441419d48
   ffff8cd441419d70
   ffff8cd441419d98
   ffff8cd441419dc0
   ffff8cd441419de8
   ffff8cd441419e10
   ffff8cd441419e38
   ffff8cd441419e60
   ffff8cd441419e88
   ffff8cd441419eb0  (cpu 0 sheaf)
   ffff8cd441419ed8
   ffff8cd441419f00
   ffff8cd441419f28
   ffff8cd441419f50  (cpu 0 sheaf)
   ffff8cd441419f78
  [ffff8cd441419fa0]
   ffff8cd441419fc8
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441f7fb00       56        128       292      4     4k  mb_cache_entry
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f140     0      4        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c0050680  ffff8cd44141a000     0     73          0    73
  FREE / [ALLOCATED]
   ffff8cd44141a000
   ffff8cd44141a038
   ffff8cd44141a070
   ffff8cd44141a0a8  (cpu 0 sheaf)
   ffff8cd44141a0e0
   ffff8cd44141a118  (cpu 0 sheaf)
   ffff8cd44141a150  (cpu 0 sheaf)
   ffff8cd44141a188  (cpu 0 sheaf)
   ffff8cd44141a1c0
   ffff8cd44141a1f8
   ffff8cd44141a230
   ffff8cd44141a268
   ffff8cd44141a2a0
   ffff8cd44141a2d8
   ffff8cd44141a310  (cpu 0 sheaf)
   ffff8cd44141a348  (cpu 0 sheaf)
   ffff8cd44141a380
   ffff8cd44141a3b8
   ffff8cd44141a3f0
   ffff8cd44141a428  (cpu 0 sheaf)
   ffff8cd44141a460
   ffff8cd44141a498
   ffff8cd44141a4d0
   ffff8cd44141a508  (cpu 0 sheaf)
   ffff8cd44141a540
   ffff8cd44141a578
   ffff8cd44141a5b0
   ffff8cd44141a5e8
   ffff8cd44141a620
   ffff8cd44141a658
   ffff8cd44141a690
   ffff8cd44141a6c8
   ffff8cd44141a700  (cpu 0 sheaf)
   ffff8cd44141a738
   ffff8cd44141a770
   ffff8cd44141a7a8
   ffff8cd44141a7e0
   ffff8cd44141a818  (cpu 0 sheaf)
   ffff8cd44141a850
   ffff8cd44141a888
   ffff8cd44141a8c0
   ffff8cd44141a8f8
   ffff8cd44141a930  (cpu 0 sheaf)
   ffff8cd44141a968
   ffff8cd44141a9a0
   ffff8cd44141a9d8
   ffff8cd44141aa10  (cpu 0 sheaf)
   ffff8cd44141aa48
   ffff8cd44141aa80
   ffff8cd44141aab8
   ffff8cd44141aaf0
   ffff8cd44141ab28  (cpu 0 sheaf)
   ffff8cd44141ab60  (cpu 0 sheaf)
   ffff8cd44141ab98  (cpu 0 sheaf)
   ffff8cd44141abd0
   ffff8cd44141ac08  (cpu 0 sheaf)
   ffff8cd44141ac40
   ffff8cd44141ac78
   ffff8cd44141acb0
   ffff8cd44141ace8
   ffff8cd44141ad20
   ffff8cd44141ad58  (cpu 0 sheaf)
   ffff8cd44141ad90
   ffff8cd44141adc8
   ffff8cd44141ae00  (cpu 0 sheaf)
   ffff8cd44141ae38
   ffff8cd44141ae70  (cpu 0 sheaf)
   ffff8cd44141aea8
   ffff8cd44141aee0  (cpu 1 sheaf)
   ffff8cd44141af18
   ffff8cd44141af50
   ffff8cd44141af88  (cpu 0 sheaf)
   ffff8cd44141afc0
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441f7f600      576          0         0      0     8k  kioctx
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f940     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441f7f200      576          1        28      2     8k  aio_inode_cache
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f040     0      2        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441f7f900      112          0         0      0     4k  fanotify_perm_event
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fc80     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441f7fa00      640          0         0      0     8k  dio
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f1c0     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441f7f500      168          0         0      0     4k  userfaultfd_ctx_cache
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f7c0     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441f7f800        8          0         0      0     4k  zs_handle
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fc00     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441f7f300      576          1        28      2     8k  pid_namespace
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f600     0      2        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441f7f700      200          0         0      0     4k  ip4-frags
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193ff40     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441f7f000     2008          0         0      0    32k  MPTCP
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f9c0     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441f7ff00      392          0         0      0     8k  request_sock_subflow_v4
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f880     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441f7fe00      296          0         0      0     4k  xfrm_dst
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fc40     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441f7fc00      832          0         0      0    16k  xfrm_state
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f640     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441f7fd00       48         10        85      1     4k  ip_fib_trie
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f8c0     0      1        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c00b1400  ffff8cd442c50000     0     85         10    75
  FREE / [ALLOCATED]
   ffff8cd442c50000  (cpu 1 sheaf)
   ffff8cd442c50030
   ffff8cd442c50060  (cpu 1 sheaf)
   ffff8cd442c50090
   ffff8cd442c500c0  (cpu 1 sheaf)
   ffff8cd442c500f0  (cpu 1 sheaf)
   ffff8cd442c50120
   ffff8cd442c50150
   ffff8cd442c50180  (cpu 1 sheaf)
   ffff8cd442c501b0  (cpu 1 sheaf)
   ffff8cd442c501e0  (cpu 1 sheaf)
   ffff8cd442c50210  (cpu 1 sheaf)
   ffff8cd442c50240
  [ffff8cd442c50270]
   ffff8cd442c502a0
   ffff8cd442c502d0  (cpu 1 sheaf)
   ffff8cd442c50300  (cpu 1 sheaf)
   ffff8cd442c50330  (cpu 1 sheaf)
   ffff8cd442c50360  (cpu 1 sheaf)
   ffff8cd442c50390  (cpu 1 sheaf)
   ffff8cd442c503c0  (cpu 1 sheaf)
   ffff8cd442c503f0  (cpu 1 sheaf)
   ffff8cd442c50420
   ffff8cd442c50450  (cpu 1 sheaf)
   ffff8cd442c50480  (cpu 1 sheaf)
   ffff8cd442c504b0  (cpu 1 sheaf)
   ffff8cd442c504e0
   ffff8cd442c50510  (cpu 1 sheaf)
   ffff8cd442c50540  (cpu 1 sheaf)
  [ffff8cd442c50570]
   ffff8cd442c505a0  (cpu 1 sheaf)
   ffff8cd442c505d0  (cpu 1 sheaf)
   ffff8cd442c50600  (cpu 1 sheaf)
   ffff8cd442c50630  (cpu 1 sheaf)
   ffff8cd442c50660  (cpu 1 sheaf)
   ffff8cd442c50690
   ffff8cd442c506c0  (cpu 1 sheaf)
   ffff8cd442c506f0  (cpu 1 sheaf)
  [ffff8cd442c50720]
   ffff8cd442c50750
  [ffff8cd442c50780]
   ffff8cd442c507b0  (cpu 1 sheaf)
   ffff8cd442c507e0  (cpu 1 sheaf)
   ffff8cd442c50810  (cpu 1 sheaf)
   ffff8cd442c50840  (cpu 1 sheaf)
  [ffff8cd442c50870]
   ffff8cd442c508a0  (cpu 1 sheaf)
   ffff8cd442c508d0  (cpu 1 sheaf)
   ffff8cd442c50900  (cpu 1 sheaf)
   ffff8cd442c50930  (cpu 1 sheaf)
   ffff8cd442c50960  (cpu 1 sheaf)
   ffff8cd442c50990
   ffff8cd442c509c0  (cpu 1 sheaf)
   ffff8cd442c509f0  (cpu 1 sheaf)
   ffff8cd442c50a20  (cpu 1 sheaf)
   ffff8cd442c50a50  (cpu 1 sheaf)
  [ffff8cd442c50a80]
   ffff8cd442c50ab0
   ffff8cd442c50ae0  (cpu 1 sheaf)
   ffff8cd442c50b10
   ffff8cd442c50b40  (cpu 1 sheaf)
   ffff8cd442c50b70  (cpu 1 sheaf)
   ffff8cd442c50ba0  (cpu 1 sheaf)
   ffff8cd442c50bd0  (cpu 1 sheaf)
   ffff8cd442c50c00
   ffff8cd442c50c30
  [ffff8cd442c50c60]
   ffff8cd442c50c90  (cpu 1 sheaf)
   ffff8cd442c50cc0  (cpu 1 sheaf)
   ffff8cd442c50cf0  (cpu 1 sheaf)
  [ffff8cd442c50d20]
   ffff8cd442c50d50
   ffff8cd442c50d80
   ffff8cd442c50db0  (cpu 1 sheaf)
  [ffff8cd442c50de0]
   ffff8cd442c50e10
  [ffff8cd442c50e40]
   ffff8cd442c50e70
   ffff8cd442c50ea0
   ffff8cd442c50ed0
   ffff8cd442c50f00
   ffff8cd442c50f30
   ffff8cd442c50f60
   ffff8cd442c50f90  (cpu 1 sheaf)
   ffff8cd442c50fc0
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441945300       56         10        73      1     4k  ip_fib_alias
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fcc0     0      1        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c009f140  ffff8cd4427c5000     0     73         10    63
  FREE / [ALLOCATED]
   ffff8cd4427c5000  (cpu 1 sheaf)
   ffff8cd4427c5038  (cpu 1 sheaf)
   ffff8cd4427c5070  (cpu 1 sheaf)
   ffff8cd4427c50a8  (cpu 1 sheaf)
  [ffff8cd4427c50e0]
   ffff8cd4427c5118  (cpu 1 sheaf)
   ffff8cd4427c5150  (cpu 1 sheaf)
   ffff8cd4427c5188
   ffff8cd4427c51c0  (cpu 1 sheaf)
  [ffff8cd4427c51f8]
   ffff8cd4427c5230  (cpu 1 sheaf)
   ffff8cd4427c5268  (cpu 1 sheaf)
   ffff8cd4427c52a0  (cpu 1 sheaf)
   ffff8cd4427c52d8  (cpu 1 sheaf)
  [ffff8cd4427c5310]
   ffff8cd4427c5348  (cpu 1 sheaf)
   ffff8cd4427c5380  (cpu 1 sheaf)
   ffff8cd4427c53b8
   ffff8cd4427c53f0
  [ffff8cd4427c5428]
   ffff8cd4427c5460  (cpu 1 sheaf)
   ffff8cd4427c5498  (cpu 1 sheaf)
   ffff8cd4427c54d0  (cpu 1 sheaf)
   ffff8cd4427c5508  (cpu 1 sheaf)
   ffff8cd4427c5540  (cpu 1 sheaf)
   ffff8cd4427c5578  (cpu 1 sheaf)
   ffff8cd4427c55b0  (cpu 1 sheaf)
  [ffff8cd4427c55e8]
   ffff8cd4427c5620  (cpu 1 sheaf)
   ffff8cd4427c5658  (cpu 1 sheaf)
  [ffff8cd4427c5690]
   ffff8cd4427c56c8  (cpu 1 sheaf)
   ffff8cd4427c5700
   ffff8cd4427c5738  (cpu 1 sheaf)
   ffff8cd4427c5770  (cpu 1 sheaf)
   ffff8cd4427c57a8
   ffff8cd4427c57e0  (cpu 1 sheaf)
   ffff8cd4427c5818  (cpu 1 sheaf)
   ffff8cd4427c5850  (cpu 1 sheaf)
   ffff8cd4427c5888  (cpu 1 sheaf)
  [ffff8cd4427c58c0]
  [ffff8cd4427c58f8]
   ffff8cd4427c5930  (cpu 1 sheaf)
   ffff8cd4427c5968  (cpu 1 sheaf)
   ffff8cd4427c59a0  (cpu 1 sheaf)
  [ffff8cd4427c59d8]
   ffff8cd4427c5a10  (cpu 1 sheaf)
   ffff8cd4427c5a48  (cpu 1 sheaf)
   ffff8cd4427c5a80  (cpu 1 sheaf)
   ffff8cd4427c5ab8
   ffff8cd4427c5af0  (cpu 1 sheaf)
   ffff8cd4427c5b28  (cpu 1 sheaf)
   ffff8cd4427c5b60  (cpu 1 sheaf)
   ffff8cd4427c5b98  (cpu 1 sheaf)
   ffff8cd4427c5bd0
   ffff8cd4427c5c08
   ffff8cd4427c5c40  (cpu 1 sheaf)
   ffff8cd4427c5c78  (cpu 1 sheaf)
  [ffff8cd4427c5cb0]
   ffff8cd4427c5ce8
   ffff8cd4427c5d20
   ffff8cd4427c5d58  (cpu 1 sheaf)
   ffff8cd4427c5d90  (cpu 1 sheaf)
   ffff8cd4427c5dc8
   ffff8cd4427c5e00  (cpu 1 sheaf)
   ffff8cd4427c5e38  (cpu 1 sheaf)
   ffff8cd4427c5e70  (cpu 1 sheaf)
   ffff8cd4427c5ea8  (cpu 1 sheaf)
   ffff8cd4427c5ee0  (cpu 1 sheaf)
   ffff8cd4427c5f18
   ffff8cd4427c5f50
   ffff8cd4427c5f88  (cpu 1 sheaf)
   ffff8cd4427c5fc0  (cpu 1 sheaf)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441945700     1048          0         0      0    16k  PING
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f400     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441945000     1216          6        13      1    16k  RAW
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f440     0      1        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c0090300  ffff8cd44240c000     0     13          6     7
  FREE / [ALLOCATED]
   ffff8cd44240c000  (cpu 1 sheaf)
  [ffff8cd44240c4c0]
   ffff8cd44240c980  (cpu 1 sheaf)
  [ffff8cd44240ce40]
   ffff8cd44240d300  (cpu 1 sheaf)
   ffff8cd44240d7c0  (cpu 1 sheaf)
  [ffff8cd44240dc80]
   ffff8cd44240e140  (cpu 1 sheaf)
   ffff8cd44240e600  (cpu 1 sheaf)
  [ffff8cd44240eac0]
  [ffff8cd44240ef80]
   ffff8cd44240f440
  [ffff8cd44240f900]
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441945f00     1344          3        12      1    16k  UDP
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f200     0      1        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441945e00      264          1        30      2     4k  tw_sock_TCP
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fb40     0      2        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c00d9f00  ffff8cd44367c000     0     15          1    14
  FREE / [ALLOCATED]
   ffff8cd44367c000  (cpu 1 sheaf)
   ffff8cd44367c110  (cpu 1 sheaf)
   ffff8cd44367c220  (cpu 1 sheaf)
   ffff8cd44367c330  (cpu 1 sheaf)
   ffff8cd44367c440
   ffff8cd44367c550  (cpu 1 sheaf)
   ffff8cd44367c660  (cpu 1 sheaf)
   ffff8cd44367c770  (cpu 1 sheaf)
   ffff8cd44367c880  (cpu 1 sheaf)
   ffff8cd44367c990  (cpu 1 sheaf)
   ffff8cd44367caa0
   ffff8cd44367cbb0  (cpu 1 sheaf)
   ffff8cd44367ccc0  (cpu 1 sheaf)
   ffff8cd44367cdd0  (cpu 1 sheaf)
  [ffff8cd44367cee0]
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441945c00      320          0        36      3     4k  request_sock_TCP
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f580     0      3        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c00d28c0  ffff8cd4434a3000     0     12          0    12
  FREE / [ALLOCATED]
   ffff8cd4434a3000
   ffff8cd4434a3148  (cpu 0 sheaf)
   ffff8cd4434a3290
   ffff8cd4434a33d8
   ffff8cd4434a3520  (cpu 0 sheaf)
   ffff8cd4434a3668  (cpu 1 sheaf)
   ffff8cd4434a37b0
   ffff8cd4434a38f8  (cpu 1 sheaf)
   ffff8cd4434a3a40
   ffff8cd4434a3b88
   ffff8cd4434a3cd0
   ffff8cd4434a3e18
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441945d00     2432          8        26      2    32k  TCP
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f700     0      2        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c00d8200  ffff8cd443608000     0     13          6     7
  FREE / [ALLOCATED]
  [ffff8cd443608000]
   ffff8cd443608980
   ffff8cd443609300  (cpu 1 sheaf)
   ffff8cd443609c80  (cpu 1 sheaf)
   ffff8cd44360a600  (cpu 1 sheaf)
   ffff8cd44360af80  (cpu 1 sheaf)
  [ffff8cd44360b900]
  [ffff8cd44360c280]
   ffff8cd44360cc00  (cpu 1 sheaf)
  [ffff8cd44360d580]
   ffff8cd44360df00
  [ffff8cd44360e880]
  [ffff8cd44360f200]
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441945100      576          2        28      2     8k  hugetlbfs_inode_cache
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193ff00     0      2        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441945400      200          0         0      0     4k  dquot
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f180     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441945b00      280         64        84      7     4k  bio-280
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fd80     0      7        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441945600       24          2       170      1     4k  ep_head
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f840     0      1        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c00d2740  ffff8cd44349d000     0    170          2   168
  FREE / [ALLOCATED]
   ffff8cd44349d000
   ffff8cd44349d018
   ffff8cd44349d030
   ffff8cd44349d048
   ffff8cd44349d060
   ffff8cd44349d078
   ffff8cd44349d090
   ffff8cd44349d0a8  (cpu 0 sheaf)
   ffff8cd44349d0c0  (cpu 0 sheaf)
   ffff8cd44349d0d8  (cpu 0 sheaf)
   ffff8cd44349d0f0
   ffff8cd44349d108  (cpu 0 sheaf)
   ffff8cd44349d120
   ffff8cd44349d138  (cpu 0 sheaf)
   ffff8cd44349d150
   ffff8cd44349d168  (cpu 0 sheaf)
   ffff8cd44349d180
   ffff8cd44349d198  (cpu 0 sheaf)
   ffff8cd44349d1b0
   ffff8cd44349d1c8
   ffff8cd44349d1e0  (cpu 0 sheaf)
   ffff8cd44349d1f8
   ffff8cd44349d210  (cpu 0 sheaf)
   ffff8cd44349d228
   ffff8cd44349d240
   ffff8cd44349d258
   ffff8cd44349d270  (cpu 0 sheaf)
   ffff8cd44349d288
   ffff8cd44349d2a0
   ffff8cd44349d2b8
   ffff8cd44349d2d0  (cpu 0 sheaf)
   ffff8cd44349d2e8
   ffff8cd44349d300
   ffff8cd44349d318
   ffff8cd44349d330
   ffff8cd44349d348
   ffff8cd44349d360  (cpu 0 sheaf)
   ffff8cd44349d378
   ffff8cd44349d390  (cpu 0 sheaf)
   ffff8cd44349d3a8  (cpu 0 sheaf)
   ffff8cd44349d3c0
   ffff8cd44349d3d8
   ffff8cd44349d3f0
   ffff8cd44349d408
   ffff8cd44349d420  (cpu 0 sheaf)
   ffff8cd44349d438  (cpu 0 sheaf)
   ffff8cd44349d450
   ffff8cd44349d468
   ffff8cd44349d480
   ffff8cd44349d498
   ffff8cd44349d4b0
   ffff8cd44349d4c8
   ffff8cd44349d4e0  (cpu 0 sheaf)
   ffff8cd44349d4f8
   ffff8cd44349d510
   ffff8cd44349d528  (cpu 0 sheaf)
   ffff8cd44349d540  (cpu 0 sheaf)
   ffff8cd44349d558
   ffff8cd44349d570
   ffff8cd44349d588
   ffff8cd44349d5a0
   ffff8cd44349d5b8
   ffff8cd44349d5d0  (cpu 0 sheaf)
   ffff8cd44349d5e8  (cpu 0 sheaf)
   ffff8cd44349d600  (cpu 0 sheaf)
   ffff8cd44349d618  (cpu 0 sheaf)
   ffff8cd44349d630
   ffff8cd44349d648
   ffff8cd44349d660
   ffff8cd44349d678
   ffff8cd44349d690
   ffff8cd44349d6a8
   ffff8cd44349d6c0
   ffff8cd44349d6d8
   ffff8cd44349d6f0  (cpu 0 sheaf)
   ffff8cd44349d708
   ffff8cd44349d720  (cpu 0 sheaf)
   ffff8cd44349d738
   ffff8cd44349d750  (cpu 0 sheaf)
   ffff8cd44349d768
   ffff8cd44349d780  (cpu 0 sheaf)
   ffff8cd44349d798
   ffff8cd44349d7b0  (cpu 0 sheaf)
   ffff8cd44349d7c8
   ffff8cd44349d7e0
   ffff8cd44349d7f8  (cpu 0 sheaf)
   ffff8cd44349d810
   ffff8cd44349d828
   ffff8cd44349d840  (cpu 0 sheaf)
   ffff8cd44349d858
   ffff8cd44349d870  (cpu 0 sheaf)
   ffff8cd44349d888  (cpu 0 sheaf)
   ffff8cd44349d8a0
   ffff8cd44349d8b8
   ffff8cd44349d8d0  (cpu 0 sheaf)
   ffff8cd44349d8e8
   ffff8cd44349d900  (cpu 0 sheaf)
   ffff8cd44349d918
   ffff8cd44349d930
   ffff8cd44349d948
   ffff8cd44349d960
   ffff8cd44349d978
   ffff8cd44349d990  (cpu 0 sheaf)
   ffff8cd44349d9a8
   ffff8cd44349d9c0  (cpu 0 sheaf)
   ffff8cd44349d9d8
   ffff8cd44349d9f0
   ffff8cd44349da08  (cpu 0 sheaf)
   ffff8cd44349da20
   ffff8cd44349da38  (cpu 0 sheaf)
   ffff8cd44349da50  (cpu 0 sheaf)
   ffff8cd44349da68
   ffff8cd44349da80
   ffff8cd44349da98
   ffff8cd44349dab0
   ffff8cd44349dac8  (cpu 0 sheaf)
   ffff8cd44349dae0  (cpu 0 sheaf)
   ffff8cd44349daf8
   ffff8cd44349db10  (cpu 0 sheaf)
   ffff8cd44349db28
   ffff8cd44349db40
   ffff8cd44349db58
   ffff8cd44349db70
   ffff8cd44349db88
   ffff8cd44349dba0
   ffff8cd44349dbb8  (cpu 0 sheaf)
   ffff8cd44349dbd0
   ffff8cd44349dbe8
   ffff8cd44349dc00
   ffff8cd44349dc18
   ffff8cd44349dc30  (cpu 0 sheaf)
   ffff8cd44349dc48
   ffff8cd44349dc60  (cpu 0 sheaf)
   ffff8cd44349dc78  (cpu 0 sheaf)
   ffff8cd44349dc90
   ffff8cd44349dca8
   ffff8cd44349dcc0
   ffff8cd44349dcd8
  [ffff8cd44349dcf0]
   ffff8cd44349dd08  (cpu 0 sheaf)
   ffff8cd44349dd20
   ffff8cd44349dd38  (cpu 0 sheaf)
   ffff8cd44349dd50
  [ffff8cd44349dd68]
   ffff8cd44349dd80
   ffff8cd44349dd98
   ffff8cd44349ddb0
   ffff8cd44349ddc8  (cpu 0 sheaf)
   ffff8cd44349dde0  (cpu 0 sheaf)
   ffff8cd44349ddf8
   ffff8cd44349de10  (cpu 0 sheaf)
   ffff8cd44349de28  (cpu 0 sheaf)
   ffff8cd44349de40
   ffff8cd44349de58  (cpu 0 sheaf)
   ffff8cd44349de70
   ffff8cd44349de88
   ffff8cd44349dea0  (cpu 0 sheaf)
   ffff8cd44349deb8
   ffff8cd44349ded0
   ffff8cd44349dee8
   ffff8cd44349df00
   ffff8cd44349df18  (cpu 0 sheaf)
   ffff8cd44349df30  (cpu 0 sheaf)
   ffff8cd44349df48
   ffff8cd44349df60
   ffff8cd44349df78  (cpu 0 sheaf)
   ffff8cd44349df90
   ffff8cd44349dfa8
   ffff8cd44349dfc0  (cpu 0 sheaf)
   ffff8cd44349dfd8
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441945200      120         26       128      4     4k  eventpoll_epi
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fa40     0      4        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c00bdd80  ffff8cd442f76000     0     32         11    21
  FREE / [ALLOCATED]
   ffff8cd442f76000
   ffff8cd442f76080  (cpu 0 sheaf)
  [ffff8cd442f76100]
   ffff8cd442f76180  (cpu 0 sheaf)
  [ffff8cd442f76200]
  [ffff8cd442f76280]
  [ffff8cd442f76300]
   ffff8cd442f76380  (cpu 0 sheaf)
   ffff8cd442f76400  (cpu 0 sheaf)
   ffff8cd442f76480
   ffff8cd442f76500
   ffff8cd442f76580  (cpu 0 sheaf)
   ffff8cd442f76600  (cpu 0 sheaf)
   ffff8cd442f76680
  [ffff8cd442f76700]
   ffff8cd442f76780  (cpu 1 sheaf, freed after a grace period)
   ffff8cd442f76800
   ffff8cd442f76880
   ffff8cd442f76900  (cpu 0 sheaf)
  [ffff8cd442f76980]
   ffff8cd442f76a00  (cpu 0 sheaf)
  [ffff8cd442f76a80]
  [ffff8cd442f76b00]
   ffff8cd442f76b80  (cpu 0 sheaf)
   ffff8cd442f76c00
  [ffff8cd442f76c80]
  [ffff8cd442f76d00]
  [ffff8cd442f76d80]
   ffff8cd442f76e00  (cpu 0 sheaf)
   ffff8cd442f76e80  (cpu 0 sheaf)
   ffff8cd442f76f00
   ffff8cd442f76f80  (cpu 0 sheaf)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441945900      584          0         0      0     8k  bpf_fs_inode_cache
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f0c0     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441945a00      704          1        42      2    16k  dax_cache
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193ff80     0      2        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c0052d00  ffff8cd4414b4000     0     21          1    20
  FREE / [ALLOCATED]
   ffff8cd4414b4000
  [ffff8cd4414b4300]
   ffff8cd4414b4600  (cpu 0 sheaf)
   ffff8cd4414b4900
   ffff8cd4414b4c00
   ffff8cd4414b4f00  (cpu 0 sheaf)
   ffff8cd4414b5200
   ffff8cd4414b5500
   ffff8cd4414b5800  (cpu 0 sheaf)
   ffff8cd4414b5b00  (cpu 0 sheaf)
   ffff8cd4414b5e00
   ffff8cd4414b6100
   ffff8cd4414b6400
   ffff8cd4414b6700
   ffff8cd4414b6a00
   ffff8cd4414b6d00  (cpu 0 sheaf)
   ffff8cd4414b7000
   ffff8cd4414b7300  (cpu 0 sheaf)
   ffff8cd4414b7600
   ffff8cd4414b7900
   ffff8cd4414b7c00
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441945500      120          2        64      2     4k  bio_integrity_data
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f5c0     0      2        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c00652c0  ffff8cd44194b000     0     32          2    30
  FREE / [ALLOCATED]
   ffff8cd44194b000  (cpu 1 sheaf)
   ffff8cd44194b080  (cpu 1 sheaf)
   ffff8cd44194b100  (cpu 1 sheaf)
   ffff8cd44194b180
   ffff8cd44194b200  (cpu 1 sheaf)
   ffff8cd44194b280  (cpu 1 sheaf)
   ffff8cd44194b300  (cpu 1 sheaf)
   ffff8cd44194b380  (cpu 1 sheaf)
   ffff8cd44194b400  (cpu 1 sheaf)
   ffff8cd44194b480  (cpu 1 sheaf)
   ffff8cd44194b500
   ffff8cd44194b580  (cpu 1 sheaf)
   ffff8cd44194b600  (cpu 1 sheaf)
   ffff8cd44194b680  (cpu 1 sheaf)
   ffff8cd44194b700  (cpu 1 sheaf)
   ffff8cd44194b780  (cpu 1 sheaf)
  [ffff8cd44194b800]
   ffff8cd44194b880  (cpu 1 sheaf)
   ffff8cd44194b900
   ffff8cd44194b980  (cpu 1 sheaf)
   ffff8cd44194ba00  (cpu 1 sheaf)
   ffff8cd44194ba80  (cpu 1 sheaf)
   ffff8cd44194bb00  (cpu 1 sheaf)
   ffff8cd44194bb80  (cpu 1 sheaf)
   ffff8cd44194bc00  (cpu 1 sheaf)
   ffff8cd44194bc80
   ffff8cd44194bd00  (cpu 1 sheaf)
   ffff8cd44194bd80  (cpu 1 sheaf)
   ffff8cd44194be00  (cpu 1 sheaf)
  [ffff8cd44194be80]
   ffff8cd44194bf00  (cpu 1 sheaf)
   ffff8cd44194bf80  (cpu 1 sheaf)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441945800      920          9        68      4    16k  request_queue
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f3c0     0      4        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c00b7200  ffff8cd442dc8000     0     17          5    12
  FREE / [ALLOCATED]
   ffff8cd442dc8000
   ffff8cd442dc8398
   ffff8cd442dc8730
   ffff8cd442dc8ac8
   ffff8cd442dc8e60
  [ffff8cd442dc91f8]
   ffff8cd442dc9590
  [ffff8cd442dc9928]
   ffff8cd442dc9cc0
   ffff8cd442dca058
  [ffff8cd442dca3f0]
   ffff8cd442dca788
   ffff8cd442dcab20
   ffff8cd442dcaeb8
  [ffff8cd442dcb250]
  [ffff8cd442dcb5e8]
   ffff8cd442dcb980
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd44193ec00      192         25        64      4     4k  bio-192
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fbc0     0      4        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c009e600  ffff8cd442798000     0     16          6    10
  FREE / [ALLOCATED]
   ffff8cd442798000
   ffff8cd442798100  (cpu 0 sheaf)
  [ffff8cd442798200]
   ffff8cd442798300
   ffff8cd442798400
   ffff8cd442798500
  [ffff8cd442798600]
  [ffff8cd442798700]
  [ffff8cd442798800]
  [ffff8cd442798900]
   ffff8cd442798a00
   ffff8cd442798b00
   ffff8cd442798c00
  [ffff8cd442798d00]
   ffff8cd442798e00
   ffff8cd442798f00  (cpu 0 sheaf)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd44193ed00     4096         88        96     12    32k  biovec-max
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f2c0     0     12        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c00f3200  ffff8cd443cc8000     0      8          0     8
  FREE / [ALLOCATED]
   ffff8cd443cc8000
   ffff8cd443cc9000
   ffff8cd443cca000  (cpu 0 sheaf)
   ffff8cd443ccb000  (cpu 0 sheaf)
   ffff8cd443ccc000  (cpu 0 sheaf)
   ffff8cd443ccd000
   ffff8cd443cce000
   ffff8cd443ccf000  (cpu 0 sheaf)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd44193e100     2048          2        32      2    32k  biovec-128
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fec0     0      2        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c00da600  ffff8cd443698000     0     16          0    16
  FREE / [ALLOCATED]
   ffff8cd443698000  (cpu 0 sheaf)
   ffff8cd443698800
   ffff8cd443699000
   ffff8cd443699800  (cpu 0 sheaf)
   ffff8cd44369a000
   ffff8cd44369a800  (cpu 0 sheaf)
   ffff8cd44369b000
   ffff8cd44369b800
   ffff8cd44369c000
   ffff8cd44369c800  (cpu 0 sheaf)
   ffff8cd44369d000  (cpu 0 sheaf)
   ffff8cd44369d800  (cpu 0 sheaf)
   ffff8cd44369e000  (cpu 0 sheaf)
   ffff8cd44369e800
   ffff8cd44369f000  (cpu 0 sheaf)
   ffff8cd44369f800
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd44193e400      256          2        32      2     4k  biovec-16
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fe00     0      2        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c0065340  ffff8cd44194d000     0     16          2    14
  FREE / [ALLOCATED]
   ffff8cd44194d000  (cpu 1 sheaf)
   ffff8cd44194d100  (cpu 1 sheaf)
   ffff8cd44194d200  (cpu 1 sheaf)
   ffff8cd44194d300  (cpu 1 sheaf)
   ffff8cd44194d400
   ffff8cd44194d500  (cpu 1 sheaf)
   ffff8cd44194d600
   ffff8cd44194d700
   ffff8cd44194d800  (cpu 1 sheaf)
  [ffff8cd44194d900]
   ffff8cd44194da00  (cpu 1 sheaf)
   ffff8cd44194db00
   ffff8cd44194dc00  (cpu 1 sheaf)
  [ffff8cd44194dd00]
   ffff8cd44194de00  (cpu 1 sheaf)
   ffff8cd44194df00  (cpu 1 sheaf)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd44193eb00     8192          0         0      0    32k  msg_msg-8k
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f380     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd44193e600     4096          0         0      0    32k  msg_msg-4k
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fe40     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd44193e200     2048          0         0      0    32k  msg_msg-2k
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f780     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd44193e900     1024          0         0      0    16k  msg_msg-1k
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f300     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd44193ea00      512          0         0      0     8k  msg_msg-512
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f740     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd44193e500      256          0         0      0     4k  msg_msg-256
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f100     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd44193e800      128          0         0      0     4k  msg_msg-128
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f000     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd44193e300       64          1        64      1     4k  msg_msg-64
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193fb00     0      1        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c00d2d80  ffff8cd4434b6000     0     64          1    63
  FREE / [ALLOCATED]
   ffff8cd4434b6000  (cpu 1 sheaf)
   ffff8cd4434b6040  (cpu 1 sheaf)
   ffff8cd4434b6080  (cpu 1 sheaf)
   ffff8cd4434b60c0  (cpu 1 sheaf)
   ffff8cd4434b6100  (cpu 1 sheaf)
   ffff8cd4434b6140  (cpu 1 sheaf)
   ffff8cd4434b6180  (cpu 1 sheaf)
   ffff8cd4434b61c0  (cpu 1 sheaf)
   ffff8cd4434b6200  (cpu 1 sheaf)
   ffff8cd4434b6240  (cpu 1 sheaf)
   ffff8cd4434b6280  (cpu 1 sheaf)
   ffff8cd4434b62c0  (cpu 1 sheaf)
   ffff8cd4434b6300  (cpu 1 sheaf)
   ffff8cd4434b6340  (cpu 1 sheaf)
   ffff8cd4434b6380  (cpu 1 sheaf)
   ffff8cd4434b63c0  (cpu 1 sheaf)
   ffff8cd4434b6400
   ffff8cd4434b6440  (cpu 1 sheaf)
   ffff8cd4434b6480  (cpu 1 sheaf)
   ffff8cd4434b64c0  (cpu 1 sheaf)
   ffff8cd4434b6500  (cpu 1 sheaf)
   ffff8cd4434b6540  (cpu 1 sheaf)
   ffff8cd4434b6580
   ffff8cd4434b65c0  (cpu 1 sheaf)
   ffff8cd4434b6600  (cpu 1 sheaf)
   ffff8cd4434b6640  (cpu 1 sheaf)
   ffff8cd4434b6680  (cpu 1 sheaf)
   ffff8cd4434b66c0  (cpu 1 sheaf)
   ffff8cd4434b6700  (cpu 1 sheaf)
   ffff8cd4434b6740  (cpu 1 sheaf)
   ffff8cd4434b6780  (cpu 1 sheaf)
   ffff8cd4434b67c0  (cpu 1 sheaf)
   ffff8cd4434b6800  (cpu 1 sheaf)
   ffff8cd4434b6840  (cpu 1 sheaf)
   ffff8cd4434b6880  (cpu 1 sheaf)
   ffff8cd4434b68c0  (cpu 1 sheaf)
   ffff8cd4434b6900  (cpu 1 sheaf)
   ffff8cd4434b6940  (cpu 1 sheaf)
  [ffff8cd4434b6980]
   ffff8cd4434b69c0  (cpu 1 sheaf)
   ffff8cd4434b6a00  (cpu 1 sheaf)
   ffff8cd4434b6a40  (cpu 1 sheaf)
   ffff8cd4434b6a80  (cpu 1 sheaf)
   ffff8cd4434b6ac0  (cpu 1 sheaf)
   ffff8cd4434b6b00  (cpu 1 sheaf)
   ffff8cd4434b6b40
   ffff8cd4434b6b80  (cpu 1 sheaf)
   ffff8cd4434b6bc0  (cpu 1 sheaf)
   ffff8cd4434b6c00  (cpu 1 sheaf)
   ffff8cd4434b6c40  (cpu 1 sheaf)
   ffff8cd4434b6c80  (cpu 1 sheaf)
   ffff8cd4434b6cc0  (cpu 1 sheaf)
   ffff8cd4434b6d00  (cpu 1 sheaf)
   ffff8cd4434b6d40  (cpu 1 sheaf)
   ffff8cd4434b6d80  (cpu 1 sheaf)
   ffff8cd4434b6dc0  (cpu 1 sheaf)
   ffff8cd4434b6e00
   ffff8cd4434b6e40  (cpu 1 sheaf)
   ffff8cd4434b6e80  (cpu 1 sheaf)
   ffff8cd4434b6ec0  (cpu 1 sheaf)
   ffff8cd4434b6f00  (cpu 1 sheaf)
   ffff8cd4434b6f40  (cpu 1 sheaf)
   ffff8cd4434b6f80  (cpu 1 sheaf)
   ffff8cd4434b6fc0  (cpu 1 sheaf)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd44193e700       32          0         0      0     4k  msg_msg-32
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f500     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd44193e000       16          0         0      0     4k  msg_msg-16
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f080     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd44193ef00        8          0         0      0     4k  msg_msg-8
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f800     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd44193ee00      192          0         0      0     4k  msg_msg-192
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd44193f900     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441388700       96          1        84      2     4k  msg_msg-96
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd441224c80     0      2        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c00d4d40  ffff8cd443535000     0     42          1    41
  FREE / [ALLOCATED]
   ffff8cd443535000  (cpu 1 sheaf)
   ffff8cd443535060  (cpu 1 sheaf)
   ffff8cd4435350c0
   ffff8cd443535120
   ffff8cd443535180
   ffff8cd4435351e0  (cpu 1 sheaf)
   ffff8cd443535240  (cpu 1 sheaf)
  [ffff8cd4435352a0]
   ffff8cd443535300
   ffff8cd443535360
   ffff8cd4435353c0  (cpu 1 sheaf)
   ffff8cd443535420
   ffff8cd443535480
   ffff8cd4435354e0
   ffff8cd443535540
   ffff8cd4435355a0  (cpu 1 sheaf)
   ffff8cd443535600  (cpu 1 sheaf)
   ffff8cd443535660
   ffff8cd4435356c0
   ffff8cd443535720  (cpu 1 sheaf)
   ffff8cd443535780
   ffff8cd4435357e0
   ffff8cd443535840
   ffff8cd4435358a0  (cpu 1 sheaf)
   ffff8cd443535900  (cpu 1 sheaf)
   ffff8cd443535960
   ffff8cd4435359c0
   ffff8cd443535a20
   ffff8cd443535a80  (cpu 1 sheaf)
   ffff8cd443535ae0  (cpu 1 sheaf)
   ffff8cd443535b40  (cpu 1 sheaf)
   ffff8cd443535ba0
   ffff8cd443535c00
   ffff8cd443535c60
   ffff8cd443535cc0
   ffff8cd443535d20
   ffff8cd443535d80  (cpu 1 sheaf)
   ffff8cd443535de0
   ffff8cd443535e40
   ffff8cd443535ea0  (cpu 1 sheaf)
   ffff8cd443535f00  (cpu 1 sheaf)
   ffff8cd443535f60  (cpu 1 sheaf)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441388000     8192          0         0      0    32k  memdup_user-8k
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd4412241c0     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441388f00     4096          0         0      0    32k  memdup_user-4k
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd4412247c0     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441388e00     2048          0         0      0    32k  memdup_user-2k
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd441224c00     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441388c00     1024          0         0      0    16k  memdup_user-1k
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd441224600     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441388d00      512          0         0      0     8k  memdup_user-512
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd441224f40     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441388100      256          0         0      0     4k  memdup_user-256
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd4412249c0     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441388400      128          0         0      0     4k  memdup_user-128
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd441224880     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441388b00       64          0         0      0     4k  memdup_user-64
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd441224c40     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441388600       32          0         0      0     4k  memdup_user-32
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd441224640     0      0        0        0
NODE 0 PARTIAL:
  (empty)
NODE 0 FULL:
  (not tracked)
CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME
ffff8cd441388200       16          0       256      1     4k  memdup_user-16
KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU
ffff8cd4412248c0     0      1        1        0
NODE 0 PARTIAL:
  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE
  fffffcb4c009c780  ffff8cd44271e000     0    256          0   256
  FREE / [ALLOCATED]
   ffff8cd44271e000
   ffff8cd44271e010  (cpu 1 sheaf)
   ffff8cd44271e020
   ffff8cd44271e030
   ffff8cd44271e040
   ffff8cd44271e050  (cpu 1 sheaf)
   ffff8cd44271e060  (cpu 1 sheaf)
   ffff8cd44271e070  (cpu 1 sheaf)
   ffff8cd44271e080
   ffff8cd44271e090
   ffff8cd44271e0a0
   ffff8cd44271e0b0
   ffff8cd44271e0c0
   ffff8cd44271e0d0
   ffff8cd44271e0e0
   ffff8cd44271e0f0
   ffff8cd44271e100
   ffff8cd44271e110
   ffff8cd44271e120
   ffff8cd44271e130
   ffff8cd44271e140
   ffff8cd44271e150
   ffff8cd44271e160
   ffff8cd44271e170
   ffff8cd44271e180  (cpu 1 sheaf)
   ffff8cd44271e190
   ffff8cd44271e1a0
   ffff8cd44271e1b0
   ffff8cd44271e1c0
   ffff8cd44271e1d0  (cpu 1 sheaf)
   ffff8cd44271e1e0
   ffff8cd44271e1f0
   ffff8cd44271e200  (cpu 1 sheaf)
   ffff8cd44271e210  (cpu 1 sheaf)
   ffff8cd44271e220  (cpu 1 sheaf)
   ffff8cd44271e230
   ffff8cd44271e240  (cpu 1 sheaf)
   ffff8cd44271e250
   ffff8cd44271e260
   ffff8cd44271e270  (cpu 1 sheaf)
   ffff8cd44271e280
   ffff8cd44271e290
   ffff8cd44271e2a0
   ffff8cd44271e2b0  (cpu 1 sheaf)
   ffff8cd44271e2c0  (cpu 1 sheaf)
   ffff8cd44271e2d0  (cpu 1 sheaf)
   ffff8cd44271e2e0
   ffff8cd44271e2f0
   ffff8cd44271e300
   ffff8cd44271e310
   ffff8cd44271e320
   ffff8cd44271e330
   ffff8cd44271e340
   ffff8cd44271e350
   ffff8cd44271e360  (cpu 1 sheaf)
   ffff8cd44271e370
   ffff8cd44271e380
   ffff8cd44271e390
   ffff8cd44271e3a0
   ffff8cd44271e3b0
   ffff8cd44271e3c0
   ffff8cd44271e3d0
   ffff8cd44271e3e0
   ffff8cd44271e3f0  (cpu 1 sheaf)
   ffff8cd44271e400
   ffff8cd44271e410
   ffff8cd44271e420
   ffff8cd44271e430
   ffff8cd44271e440
   ffff8cd44271e450
   ffff8cd44271e460
   ffff8cd44271e470
   ffff8cd44271e480  (cpu 0 sheaf)
   ffff8cd44271e490
   ffff8cd44271e4a0
   ffff8cd44271e4b0
   ffff8cd44271e4c0
   ffff8cd44271e4d0
   ffff8cd44271e4e0
   ffff8cd44271e4f0  (cpu 1 sheaf)
   ffff8cd44271e500
   ffff8cd44271e510
   ffff8cd44271e520
   ffff8cd44271e530
   ffff8cd44271e540
   ffff8cd44271e550
   ffff8cd44271e560
   ffff8cd44271e570
   ffff8cd44271e580
   ffff8cd44271e590  (cpu 1 sheaf)
   ffff8cd44271e5a0  (cpu 1 sheaf)
   ffff8cd44271e5b0
   ffff8cd44271e5c0
   ffff8cd44271e5d0  (cpu 1 sheaf)
   ffff8cd44271e5e0
   ffff8cd44271e5f0  (cpu 1 sheaf)
   ffff8cd44271e600
   ffff8cd44271e610
   ffff8cd44271e620
   ffff8cd44271e630
   ffff8cd44271e640
   ffff8cd44271e650
   ffff8cd44271e660
   ffff8cd44271e670
   ffff8cd44271e680
   ffff8cd44271e690
   ffff8cd44271e6a0
   ffff8cd44271e6b0  (cpu 1 sheaf)
   ffff8cd44271e6c0
   ffff8cd44271e6d0  (cpu 1 sheaf)
   ffff8cd44271e6e0
   ffff8cd44271e6f0
   ffff8cd44271e700  (cpu 1 sheaf)
   ffff8cd44271e710
   ffff8cd44271e720
   ffff8cd44271e730
   ffff8cd44271e740
   ffff8cd44271e750
   ffff8cd44271e760  (cpu 1 sheaf)
   ffff8cd44271e770  (cpu 1 sheaf)
   ffff8cd44271e780
   ffff8cd44271e790
   ffff8cd44271e7a0  (cpu 1 sheaf)
   ffff8cd44271e7b0  (cpu 1 sheaf)
   ffff8cd44271e7c0
   ffff8cd44271e7d0
   ffff8cd44271e7e0
   ffff8cd44271e7f0
   ffff8cd44271e800
   ffff8cd44271e810
   ffff8cd44271e820
   ffff8cd44271e830
   ffff8cd44271e840
   ffff8cd44271e850  (cpu 1 sheaf)
   ffff8cd44271e860
   ffff8cd44271e870  (cpu 1 sheaf)
   ffff8cd44271e880
   ffff8cd44271e890
   ffff8cd44271e8a0  (cpu 1 sheaf)
   ffff8cd44271e8b0
   ffff8cd44271e8c0  (cpu 1 sheaf)
   ffff8cd44271e8d0
   ffff8cd44271e8e0
   ffff8cd44271e8f0
   ffff8cd44271e900
   ffff8cd44271e910
   ffff8cd44271e920
   ffff8cd44271e930
   ffff8cd44271e940
   ffff8cd44271e950  (cpu 1 sheaf)
   ffff8cd44271e960
   ffff8cd44271e970
   ffff8cd44271e980
   ffff8cd44271e990
   ffff8cd44271e9a0