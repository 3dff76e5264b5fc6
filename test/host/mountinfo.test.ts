import test from 'ava';
import { parseMountInfo } from '../../pkg/host/index.ts';

test('a mountinfo line is read with its octal escapes and optional fields', (t) => {
  const text =
    '36 35 98:0 /mnt1 /mnt\\0402 rw,noatime shared:1 master:2 - ext3 /dev/root\\134x rw,errors=continue\n' +
    '37 36 0:25 / /proc rw - proc proc rw\n';
  t.deepEqual(parseMountInfo(text), [
    {
      id: 36,
      parent: 35,
      device: '98:0',
      root: '/mnt1',
      target: '/mnt 2',
      options: ['rw', 'noatime'],
      fstype: 'ext3',
      source: '/dev/root\\x',
      superOptions: ['rw', 'errors=continue'],
    },
    {
      id: 37,
      parent: 36,
      device: '0:25',
      root: '/',
      target: '/proc',
      options: ['rw'],
      fstype: 'proc',
      source: 'proc',
      superOptions: ['rw'],
    },
  ]);
});
