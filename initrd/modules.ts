import { MosError } from '../pkg/errors/index.ts';

/**
 * What the initrd loads of Debian's kernel; ext4, nvme, the TPM and the serial ports are built in. A machine without
 * the hardware of a module boots all the same.
 */
export const wantedModules = [
  ...['virtio_pci', 'virtio_blk', 'virtio_scsi', 'sd_mod'], // disks
  ...['loop', 'dm-verity', 'sha256-ssse3', 'squashfs', 'erofs', 'overlay'], // layers
  ...['dm-crypt', 'xts', 'aesni-intel'], // encrypted partitions
  ...['virtio-rng', 'virtio_net'],
  // the network of services: wires, bridge, rules
  ...['veth', 'bridge', 'nf_tables', 'nft_chain_nat', 'nft_ct', 'nft_fib_inet', 'nft_masq', 'nft_nat'],
  ...['vfat', 'nls_cp437', 'nls_ascii', 'efivarfs'], // the ESP and the boot loader's variables
] as const;

/**
 * Loaded first, where the kernel has them as modules: Debian's cloud kernel has some of it built in, and no watchdog of
 * hardware. libcrc32c of the others finds its algorithm by name, which no module says; so does xts, which wants ecb where the
 * processor has no AES of its own.
 */
export const optionalModules = ['crc32c_generic', 'ext4', 'i6300esb', 'ecb'] as const;

/**
 * Disks of machines that one can touch: SATA, NVMe (also behind Intel's VMD), USB, eMMC and SD cards. Debian's cloud kernel has
 * NVMe alone. What a live system can install on, the installed machine must find again: both have the same.
 */
export const diskModules = [
  ...['ahci', 'nvme', 'vmd'],
  ...['xhci_pci', 'ehci_pci', 'usb_storage', 'uas'],
  ...['mmc_block', 'sdhci_pci', 'sdhci_acpi'],
] as const;

/** What a live system needs beside: it lies on a disc, or on a stick that looks like one. */
export const liveModules = ['sr_mod', 'isofs'] as const;

/** Of a live system out of a registry: the network cards of the common makers, where the kernel has them; virtio_net is wanted anyway. */
export const networkModules = ['e1000e', 'igb', 'igc', 'ixgbe', 'i40e', 'r8169', 'realtek', 'tg3'] as const;

/** A module's other modules, as its .modinfo section names them. */
export function parseDepends(module: Uint8Array): string[] {
  const bytes = Buffer.from(module.buffer, module.byteOffset, module.byteLength);
  const key = '\0depends=';
  const at = bytes.indexOf(key, 0, 'latin1');
  if (at < 0) return [];
  const text = bytes.toString('latin1', at + key.length, bytes.indexOf(0, at + key.length));
  return text === '' ? [] : text.split(',');
}

/** The kernel writes - and _ as it likes. */
export const moduleKey = (name: string): string => name.replaceAll('-', '_');

/** The wanted modules and all they need, each after what it needs. */
export function planModules(
  wanted: readonly string[],
  dependsOf: (name: string) => readonly string[],
): string[] {
  const planned = new Set<string>();
  const add = (name: string, needing: readonly string[]): void => {
    const key = moduleKey(name);
    if (needing.includes(key))
      throw new MosError(
        'invalid',
        `cannot order the modules of the kernel: ${[...needing, key].join(' needs ')}`,
      );
    if (planned.has(key)) return;
    for (const needed of dependsOf(key)) add(needed, [...needing, key]);
    planned.add(key);
  };
  for (const name of wanted) add(name, []);
  return [...planned];
}
