#pragma once
// What a live tap asks of the system: wake-ups, socket filters, capabilities, interface facts.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <pwd.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

// Hidden by glibc without _GNU_SOURCE; see shim.h.
extern int setresuid(uid_t real, uid_t effective, uid_t saved);
extern int setresgid(gid_t real, gid_t effective, gid_t saved);
extern int setgroups(size_t count, const gid_t *groups);

/// Lets a packet socket take no more packets: what its ring holds stays there to be read. The filter is `ret #0`.
static inline int oxbow_refuse_packets(int descriptor) {
    struct sock_filter nothing[] = {{0x06 /* BPF_RET | BPF_K */, 0, 0, 0}};
    struct sock_fprog program = {1, nothing};
    return setsockopt(descriptor, SOL_SOCKET, 26 /* SO_ATTACH_FILTER */, &program, sizeof program);
}

/// Lets a packet socket take only what comes in. -1 with errno where the kernel is older than 4.20.
static inline int oxbow_ignore_outgoing(int descriptor) {
    int on = 1;
    return setsockopt(descriptor, 263 /* SOL_PACKET */, 23 /* PACKET_IGNORE_OUTGOING */, &on, sizeof on);
}

/// Joins a packet socket to a fan-out group, whose sockets share an interface's packets by a hash of the flow, and help out
/// one whose ring is full (PACKET_FANOUT_HASH, PACKET_FANOUT_FLAG_ROLLOVER). `group` is -1 for a new one with a number that
/// no other program uses (PACKET_FANOUT_FLAG_UNIQUEID, Linux 4.12). A group may take only what comes in
/// (PACKET_FANOUT_FLAG_IGNORE_OUTGOING, Linux 5.15). The group's number, or -1 with errno.
static inline int oxbow_join_fanout(int descriptor, int group, int ignore_outgoing) {
    unsigned int flags = 0x1000 | (group < 0 ? 0x2000 : 0) | (ignore_outgoing ? 0x4000 : 0);
    unsigned int argument = (group < 0 ? 0 : (unsigned int)group & 0xffff) | flags << 16;
    if (setsockopt(descriptor, 263 /* SOL_PACKET */, 18 /* PACKET_FANOUT */, &argument, sizeof argument)) return -1;
    socklen_t size = sizeof argument;
    if (getsockopt(descriptor, 263 /* SOL_PACKET */, 18 /* PACKET_FANOUT */, &argument, &size)) return -1;
    return (int)(argument & 0xffff);
}

/// Keeps a descriptor from programs that this one starts.
static inline int oxbow_close_on_exec(int descriptor) { return fcntl(descriptor, F_SETFD, FD_CLOEXEC); }

/// The capabilities that the calling thread has (0 effective, 1 permitted), as bits; 0 when the kernel refuses.
static inline uint64_t oxbow_capabilities(int permitted) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    memset(data, 0, sizeof data);
    if (syscall(SYS_capget, &header, data)) return 0;
    return permitted ? (uint64_t)data[1].permitted << 32 | data[0].permitted
                     : (uint64_t)data[1].effective << 32 | data[0].effective;
}

/// Gives the calling thread these capabilities and no others, effective and permitted. 0, or -1 with errno.
static inline int oxbow_keep_capabilities(uint64_t bits) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    memset(data, 0, sizeof data);
    data[0].effective = data[0].permitted = (uint32_t)bits;
    data[1].effective = data[1].permitted = (uint32_t)(bits >> 32);
    return (int)syscall(SYS_capset, &header, data);
}

/// Lets permitted capabilities outlive the next change of user. 0, or -1 with errno.
static inline int oxbow_keep_on_user_change(int keep) { return prctl(8 /* PR_SET_KEEPCAPS */, keep, 0L, 0L, 0L); }

/// Nothing that is started from here on gains privileges by a set-user-ID file. 0, or -1 with errno.
static inline int oxbow_no_new_privileges(void) { return prctl(38 /* PR_SET_NO_NEW_PRIVS */, 1L, 0L, 0L, 0L); }

/// Bytes that this process may lock in memory; UINT64_MAX for no limit.
static inline uint64_t oxbow_lock_limit(void) {
    struct rlimit limit;
    return getrlimit(__RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

/// Flags (IFF_...) of an interface, or -1.
static inline int oxbow_interface_flags(int descriptor, const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(descriptor, SIOCGIFFLAGS, &request)) return -1;
    return (unsigned short)request.ifr_flags;
}

/// MTU of an interface in bytes, or -1.
static inline int oxbow_interface_mtu(int descriptor, const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(descriptor, SIOCGIFMTU, &request)) return -1;
    return request.ifr_mtu;
}

/// What an interface says to a query of ethtool's that gives one number (ETHTOOL_GTSO, ...), or -1.
static inline int oxbow_interface_feature(int descriptor, const char *name, unsigned int query) {
    struct ifreq request;
    struct ethtool_value value = {query, 0};
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    request.ifr_data = (char *)&value;
    if (ioctl(descriptor, 0x8946 /* SIOCETHTOOL */, &request)) return -1;
    return (int)value.data;
}

static const unsigned int oxbow_query_tso = 0x1e;  // ETHTOOL_GTSO
static const unsigned int oxbow_query_gso = 0x23;  // ETHTOOL_GGSO
static const unsigned int oxbow_query_gro = 0x2b;  // ETHTOOL_GGRO
