import test from 'ava';
import { chooseMachineDisk, type Disk, planPartitions } from '../../pkg/disk/index.ts';

const ids = ['0', '1', '2', '3'].map((last) => `A0000000-0000-4000-8000-00000000000${last}`);
const table = planPartitions(
  [
    { role: 'machine-config', mebibytes: 8 },
    { role: 'machine-store' },
    { role: 'machine-scratch', mebibytes: 16 },
  ],
  64 * 2048,
  ids,
);
const nodes = (name: string) => new Map([1, 2, 3].map((number) => [number, `/dev/${name}${number}`]));
const vda: Disk = { name: 'vda', table, nodes: nodes('vda') };
const chosen = {
  name: 'vda',
  id: ids[0],
  nodes: { 'machine-config': '/dev/vda1', 'machine-store': '/dev/vda2', 'machine-scratch': '/dev/vda3' },
};

test('the disk with one partition of each kind is chosen among others', (t) => {
  const others: Disk[] = [
    { name: 'sda', nodes: new Map() },
    { name: 'sdb', nodes: new Map(), problem: 'cannot use the partition table of sdb: …' },
    { name: 'sdc', nodes: nodes('sdc'), table: { ...table, partitions: table.partitions.slice(1) } },
  ];
  t.deepEqual<object | undefined, object>(chooseMachineDisk([...others, vda]), chosen);
});

test('no disk of ours is no disk', (t) => {
  t.is(chooseMachineDisk([{ name: 'sda', nodes: new Map() }]), undefined);
});

test('a second partition of a kind makes a disk unusable', (t) => {
  const [first] = table.partitions;
  const partitions = [...table.partitions, ...(first ? [{ ...first, number: 4 }] : [])];
  t.is(chooseMachineDisk([{ ...vda, table: { ...table, partitions } }]), undefined);
});

test('two disks that look alike are refused', (t) => {
  const twin: Disk = { ...vda, name: 'vdb' };
  t.throws(() => chooseMachineDisk([vda, twin]), {
    message: 'cannot choose the disk of this machine: vda and vdb look alike',
  });
});

test('of two disks the one with the given GUID is chosen, whatever its case', (t) => {
  const other: Disk = { ...vda, name: 'vdb', table: { ...table, disk: ids[3] ?? '' } };
  t.deepEqual<object | undefined, object>(chooseMachineDisk([other, vda], ids[0]?.toLowerCase()), chosen);
  t.is(chooseMachineDisk([other, vda], ids[2]), undefined);
});
