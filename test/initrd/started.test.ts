import test from 'ava';
import { readStarted } from '../../initrd/started.ts';
import { MosError } from '../../pkg/errors/index.ts';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';

const variables = '/sys/firmware/efi/efivars';
const selected = `${variables}/LoaderEntrySelected-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f`;
const entry = Buffer.from('mos-7+2-1.conf\0', 'utf16le');

/** A machine with EFI firmware whose variable has this value, attributes first. */
async function started(value?: Buffer) {
  const notes: string[] = [];
  const host: Host = {
    ...linuxHost,
    files: {
      ...linuxHost.files,
      stat: async (path) =>
        path === variables || (path === selected && value !== undefined)
          ? linuxHost.files.stat('/')
          : undefined,
      read: async (path) => {
        if (path !== selected) throw new MosError('not-found', `cannot read ${path}`);
        return value ?? Buffer.of();
      },
    },
    mounts: { ...linuxHost.mounts, mount: async () => {} },
  };
  return { said: await readStarted(host, (event) => notes.push('text' in event ? event.text : '')), notes };
}

test('the boot loader says which entry it took', async (t) => {
  t.deepEqual(await started(Buffer.concat([Buffer.of(6, 0, 0, 0), entry])), {
    said: { entry: 'mos-7+2-1.conf' },
    notes: [],
  });
  t.deepEqual(await started(), { said: {}, notes: [] });
});

test('a variable of that name which outlasts a power-off is not the boot loader’s', async (t) => {
  t.deepEqual(await started(Buffer.concat([Buffer.of(7, 0, 0, 0), entry])), {
    said: {},
    notes: ['warning: left out: LoaderEntrySelected, which the boot loader has not set'],
  });
});
