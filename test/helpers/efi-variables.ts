import type { Machine } from './vm.ts';

/** Whose EFI variables these are. */
export const vendors = {
  global: '8be4df61-93ca-11d2-aa0d-00e098032b8c',
  loader: '4a67b082-0a4c-41cf-b6c7-440b29bb8c4f',
  systemd: '8cf2644b-4b0b-428f-9387-6d876050dc67',
  shim: '605dab50-e046-4300-abb6-3dd810dd8b23',
} as const;

/** Sets a variable for good; efivarfs takes it in one write. */
export async function setVariable(
  machine: Machine,
  vendor: keyof typeof vendors,
  name: string,
  value: Buffer,
): Promise<void> {
  const file = `/sys/firmware/efi/efivars/${name}-${vendors[vendor]}`;
  const text = Buffer.concat([Buffer.of(7, 0, 0, 0), value]).toString('base64');
  await machine.run(`echo ${text} | base64 -d >/tmp/value; dd if=/tmp/value of=${file} bs=65536 status=none`);
}

/** A text as the boot loader takes it. */
export const wide = (text: string): Buffer => Buffer.from(`${text}\0`, 'utf16le');
