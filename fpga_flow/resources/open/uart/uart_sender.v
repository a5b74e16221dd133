// Bytes onto a serial line: a start bit, 8 data bits from the lowest on, a stop bit; no parity.
//
// CYCLES  clock cycles of a bit, at least 4
// start   takes `data`, unless `busy`
module uart_sender #(
    parameter CYCLES = 217
) (
    input clk,
    input start,
    input [7:0] data,
    output tx,
    output busy
);
    localparam WIDTH = $clog2(CYCLES);
    localparam [WIDTH-1:0] BIT = CYCLES - 1;

    reg [8:0] bits = 9'h1ff;
    reg [WIDTH-1:0] timer = 0;
    reg [3:0] left = 0;  // bits to send, with the one on the line

    assign tx   = bits[0];
    assign busy = left != 0;

    always @(posedge clk) begin
        if (left == 0) begin
            timer <= BIT;
            if (start) begin
                bits <= {data, 1'b0};
                left <= 10;
            end
        end else if (timer != 0) begin
            timer <= timer - 1'b1;
        end else begin
            timer <= BIT;
            bits  <= {1'b1, bits[8:1]};
            left  <= left - 1'b1;
        end
    end
endmodule
