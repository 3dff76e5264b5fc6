import test from 'ava';
import { moduleKey, parseDepends, planModules } from '../../initrd/modules.ts';

const needs: Record<string, string[]> = {
  virtio_blk: ['virtio_ring', 'virtio'],
  virtio: ['virtio_ring'],
  dm_verity: ['dm-mod', 'dm-bufio'],
  dm_bufio: ['dm-mod'],
};
const dependsOf = (name: string) => needs[name] ?? [];

test('each module comes after what it needs, and once', (t) => {
  t.deepEqual(planModules(['virtio_blk', 'dm-verity', 'virtio'], dependsOf), [
    'virtio_ring',
    'virtio',
    'virtio_blk',
    'dm_mod',
    'dm_bufio',
    'dm_verity',
  ]);
});

test('modules that need each other are refused', (t) => {
  t.throws(() => planModules(['a'], (name) => [name === 'a' ? 'b' : 'a']), {
    message: 'cannot order the modules of the kernel: a needs b needs a',
  });
});

const depends = test.macro((t, info: string, expected: string[]) => {
  t.deepEqual(parseDepends(Buffer.from(`ELF…license=GPL\0${info}retpoline=Y\0`, 'latin1')), expected);
});
test('several needed modules are read', depends, 'depends=virtio_ring,virtio\0', ['virtio_ring', 'virtio']);
test('a module that needs none says so', depends, 'depends=\0', []);
test('a module may say nothing', depends, '', []);

test('a module is found by either spelling', (t) => {
  t.is(moduleKey('dm-mod'), moduleKey('dm_mod'));
});
