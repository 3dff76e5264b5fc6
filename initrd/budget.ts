import type { ListedFile } from './list.ts';

/** What an initrd may have of each kind, in bytes, unpacked: firmware reads and hashes every byte at each boot. */
const budget: readonly { readonly what: string; readonly files: RegExp; readonly bytes: number }[] = [
  { what: 'mosctl', files: /^bin\/mosctl$/, bytes: 125_000_000 },
  {
    what: 'its C library, preinit',
    files: /^(init|lib64\/.*|lib\/.*\/lib(c|m|dl|pthread)\.so\..*)$/,
    bytes: 5_000_000,
  },
  { what: 'what unlocks disks', files: /^(sbin\/|lib\/[^/]*-linux-gnu\/)/, bytes: 10_000_000 },
  {
    what: 'drivers of disks',
    files:
      /^lib\/modules\/(sd_mod|scsi_(common|mod)|virtio_(blk|scsi)|(lib)?ahci|libata|nvme(-core)?|vmd|usb-common|usbcore|[ex]hci[-_](hcd|pci)|usb-storage|uas|mmc_(block|core)|sdhci(-pci|-acpi)?|cqhci)\.ko$/,
    bytes: 6_000_000,
  },
  {
    what: 'drivers of network cards',
    files:
      /^lib\/modules\/(virtio_net|(net_)?failover|e1000e|ig[bc]|ixgbe|i40e|r8169|realtek|tg3|libphy|mdio(_devres)?|dca|i2c-algo-bit|xfrm_algo|ptp|pps_core)\.ko$/,
    bytes: 6_000_000,
  },
  { what: 'modules of the kernel', files: /^lib\/modules\//, bytes: 10_000_000 },
  { what: 'keys and policies', files: /^(build-id|live|.*\.pem|pcr7data\/.*)$/, bytes: 200_000 },
];

export type BudgetLine = { readonly what: string; readonly bytes: number; readonly budget: number };

/** The sum of each kind beside what it may have; a file of no kind counts as one that may have nothing. */
export function compareBudget(files: readonly ListedFile[]): BudgetLine[] {
  const sums = new Map<string, number>();
  for (const { path, bytes } of files) {
    const what = budget.find((line) => line.files.test(path))?.what ?? path;
    sums.set(what, (sums.get(what) ?? 0) + bytes);
  }
  return [...sums].map(([what, bytes]) => ({
    what,
    bytes,
    budget: budget.find((line) => line.what === what)?.bytes ?? 0,
  }));
}
