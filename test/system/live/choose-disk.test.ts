import test from 'ava';
import { chooseOnly } from '../../../pkg/system/live/choose-disk.ts';

const free = (node: string) => ({ node, problem: undefined });
const full = { node: '/dev/vda', problem: 'it has something on it: gpt' };

test('the only disk that may be used is chosen', (t) => {
  t.is(chooseOnly([full, free('/dev/vdb')]), '/dev/vdb');
});
test('of two nobody could say which', (t) => {
  t.throws(() => chooseOnly([free('/dev/vda'), full, free('/dev/vdb')]), {
    code: 'state',
    message: 'cannot choose a disk to install on: there are /dev/vda, /dev/vdb',
  });
});
test('where none may be used, it is told why', (t) => {
  t.throws(() => chooseOnly([full]), {
    message: 'cannot choose a disk to install on: /dev/vda: it has something on it: gpt',
  });
  t.throws(() => chooseOnly([]), { message: 'cannot choose a disk to install on: there is none' });
});
