internal import CLinux
internal import Glibc

/// The machine's network interfaces, as the kernel names them.
public enum InterfaceList {
    /// All names, in the kernel's order.
    public static func names() -> [String] {
        guard let list = unsafe if_nameindex() else { return [] }
        defer { unsafe if_freenameindex(list) }
        var names: [String] = []
        var index = 0
        // Safe: the list ends with an entry of index 0 and no name.
        while unsafe list[index].if_index != 0, let name = unsafe list[index].if_name {
            names.append(unsafe String(cString: name))
            index += 1
        }
        return names
    }
}
