import test from 'ava';
import { parseKernelArguments } from '../../initrd/arguments.ts';

const disk = 'A0000000-0000-4000-8000-000000000001';

test('the disk is read among arguments of others', (t) => {
  t.deepEqual(parseKernelArguments(`console=ttyS0 mos.disk=${disk} quiet root=x\n`), { disk });
});

test('without arguments of ours nothing is set', (t) => {
  t.deepEqual(parseKernelArguments('console=ttyS0 panic=-1 nomos.disk=1\n'), {});
});

const refuses = test.macro({
  exec: (t, word: string) => {
    t.throws(() => parseKernelArguments(`quiet ${word}`), {
      message: `cannot use ${JSON.stringify(word)} of the kernel command line`,
    });
  },
  title: (_, word) => `${word} is refused`,
});
for (const word of ['mos.disk', 'mos.disk=vda', `mos.disk=${disk}=`, 'mos.integrity=digest'])
  test(refuses, word);
