import test from 'ava';
import { type DiskTarget, requireUsable, type UsePermission } from '../../pkg/disk/index.ts';

const empty: DiskTarget = {
  name: 'vdb',
  node: '/dev/vdb',
  sectors: 1 << 23,
  sectorBytes: 512,
  isRemovable: false,
  isReadOnly: false,
  users: [],
  content: [],
  ours: undefined,
  progress: undefined,
};

const allowed = test.macro((t, disk: Partial<DiskTarget>, permission: UsePermission = {}) => {
  t.notThrows(() => requireUsable({ ...empty, ...disk }, permission));
});
test('an empty disk may be used', allowed, {});
test(
  'a disk with a file system may be used by --overwrite',
  allowed,
  { content: ['ext4'] },
  { overwrite: true },
);
test('a removable disk may be used by --removable', allowed, { isRemovable: true }, { removable: true });
test('what an install was stopped on may be used', allowed, {
  content: ['gpt', 'PMBR'],
  progress: 'partitioning',
});

const refused = test.macro((t, disk: Partial<DiskTarget>, why: string, permission: UsePermission = {}) => {
  const error = t.throws(() => requireUsable({ ...empty, ...disk }, permission));
  t.is(error?.message, `cannot install on /dev/vdb: ${why}`);
});
const all = { overwrite: true, removable: true };
test('the disk that runs this system is refused, whatever is said', refused, { users: ['/', '/boot'] }, 'it is in use: /, /boot', all); // biome-ignore format: one line
test('a disk under a dm device is refused', refused, { users: ['dm-0'] }, 'it is in use: dm-0', all);
test('a write-protected disk is refused', refused, { isReadOnly: true }, 'it can only be read', all);
test('a disk with sectors of 4096 bytes is refused', refused, { sectorBytes: 4096 }, 'its sectors have 4096 bytes, where mos writes partition tables in sectors of 512', all); // biome-ignore format: one line
test('a removable disk is refused', refused, { isRemovable: true }, 'it is removable', { overwrite: true });
test('a disk with a machine on it is refused', refused, { content: ['gpt', 'PMBR'], ours: { disk: '', partitions: [] } }, 'there is an installation on it', { removable: true }); // biome-ignore format: one line
test('a disk with something on it is refused', refused, { content: ['gpt', 'ntfs'] }, 'it has something on it: gpt, ntfs', { removable: true }); // biome-ignore format: one line
