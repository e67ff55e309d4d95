import vm from "node:vm";
import { TestEnvironment } from "jest-environment-node";

/**
 * Jest's own environment on a context whose global object is a plain one. In Jest's every look-up of a global, such as
 * `Math` in a loop, goes through an interceptor and costs twenty times as much. A Node before 20.18 has no such context.
 */
export default class PlainGlobals extends TestEnvironment {
  constructor(config, context) {
    const { createContext } = vm;
    const plain = vm.constants?.DONT_CONTEXTIFY;
    if (plain !== undefined) vm.createContext = () => createContext(plain);
    try {
      super(config, context);
    } finally {
      vm.createContext = createContext;
    }
  }
}
